"""Trains the same models in workers and in one process, and compares them."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Iterable

import keras
import numpy as np

from keras_ptft import Config, files
from keras_ptft.experiment import stages
from tests.conftest import ROOT


def launched(folder: pathlib.Path, configs: Iterable[Config]) -> str:
    """Trains models in one job of two workers, in `folder`/runs.

    Returns:
        What the job printed.
    """
    words = ["launch", "--workers=2", "--max_restarts=0", "--", "run"]
    done = subprocess.run(
        [sys.executable, "-m", "keras_ptft", *words, *recipes(folder, configs)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def recipes(folder: pathlib.Path, configs: Iterable[Config]) -> list[str]:
    """Writes a flagfile for each of some settings; returns their paths."""
    paths = []
    for config in configs:
        paths.append(folder / f"{config.name}.flags")
        paths[-1].write_text(config.to_flags(), encoding="utf-8")
    return list(map(str, paths))


def trained_here(
    folder: pathlib.Path, configs: Iterable[Config], strategy: str
) -> None:
    """Trains models in this process, in a subfolder named as the strategy."""
    runs_dir = str(folder / strategy)
    for config in configs:
        stage = stages.finetune if config.init_from else stages.pretrain
        stage(config.replace(strategy=strategy, runs_dir=runs_dir))


def largest_difference(first: pathlib.Path, second: pathlib.Path) -> float:
    """Compares the weights and the history of two runs.

    Returns:
        The largest difference, relative to the largest number of each tensor
        and to each score.
    """
    found = []
    weights = [
        keras.saving.load_model(run / "model.keras").get_weights()
        for run in (first, second)
    ]
    for a, b in zip(*weights, strict=True):
        found.append(np.abs(a - b).max() / np.abs(a).max())
    rows = [
        files.read_json(r / "result.json")["history"] for r in (first, second)
    ]
    for one, other in zip(*rows, strict=True):
        for name in set(one) - {"seconds"}:
            found.append(abs(one[name] - other[name]) / abs(one[name]))
    return float(max(found))
