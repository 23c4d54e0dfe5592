"""Runs as a whole: what checkpoints cost, growing data, starting up."""

import json
import math
import os
import pathlib
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any
from unittest import mock

import numpy as np

from benchmarks import common
from benchmarks.common import Lazy, Work, call, ours, timed
from benchmarks.data import SIDE

checkpointing = Lazy("keras_ptft.training.checkpointing.callback")
core = Lazy("keras_ptft.data.core.dataset")
tfds = Lazy("tensorflow_datasets")
tfds_images = Lazy("keras_ptft.data.sources.tfds.images")

_SAVED = 29_952
_FEW = "cnn(filters=(8, 8), pool=4, dense=16)"
# the title of each kind of `grow`, its material, how many, and the backbone
_GROWTH = {
    "arrays": ("arrays in memory, MLP", "images", 29_952, "mlp"),
    "files": ("JPEG folder, decoded at each step, CNN", "paths", 256, _FEW),
    "decoded": ("JPEG files of TFDS, decoded once, CNN", "paths", 256, _FEW),
    "features": (
        *("cached features, MLP on top", "images", 12_800),
        "cnn(filters=(32,), pool=2)",
    ),
}
_IMPORTS = (
    "from time import perf_counter as now; start = now(); "
    "import tensorflow, keras; middle = now(); "
    "import keras_ptft; keras_ptft.pretrain; "
    "print(middle - start, now() - middle)"
)
_RECIPES = "flags/pretrain_cnn_digits.flags", "flags/finetune_cnn_digits.flags"


def checkpoints(folder: pathlib.Path, repeats: int) -> dict[str, Any]:
    """Returns seconds of an epoch without and with saving, and of saving."""
    path, turns = str(folder / "images.npz"), {"never": [], "epoch": []}
    for seed in range(repeats):
        for every, taken in turns.items():
            taken.append(call({}, "runs", "save", every, path, _SAVED, seed))
            print(f"  checkpoints: {every} {taken[-1]}", flush=True)
    never, each = (min(t["epoch"] for t in taken) for taken in turns.values())
    saving = min(turn["saving"] for turn in turns["epoch"])
    return {"examples": _SAVED, "never": never, "each": each, "saving": saving}


def growth(folder: pathlib.Path, repeats: int) -> dict[str, Any]:
    """Returns time and memory as the data grow, by the title of the kind.

    Kinds without data are left out; each size is measured once. Features of
    the largest take 18 GB of disk for the time.
    """
    del repeats
    found = {}
    for kind, (title, material, examples, _) in _GROWTH.items():
        path = folder / f"{material}.npz"
        # other systems do not report the memory of a process
        if not path.exists() or not common.STATUS.exists():
            continue
        found[title] = {}
        for times in (0, 1, 4, 16, 64):
            given = kind, str(path), examples, times
            grown = call({}, "runs", "grow", *given)
            found[title][str(times * examples)] = grown
            print(f"  growth: {kind} {times * examples} {grown}", flush=True)
    return found


def start_up(folder: pathlib.Path, repeats: int) -> dict[str, Any]:
    """Returns what the fastest of some runs spent outside training."""
    del folder
    turns = []
    for _ in range(repeats):
        turns.append(call({}, "runs", "started"))
        print(f"  startup: {turns[-1]['all']:.1f} s", flush=True)
    return min(turns, key=lambda turn: turn["all"])


def grow(kind: str, path: str, examples: int, times: int) -> dict[str, float]:
    """Trains on examples of a file, repeated, and measures time and memory.

    Returns:
        The memory, see `common.peak_memory`; unless `times` is 0, where the
        model is built and not trained, also "data", MB of the examples as
        they are trained on, "ahead", seconds of what is computed once, and
        "epoch", seconds of the second of two.
    """
    settings = {"backbone": _GROWTH[kind][3], "freeze": "pool1"}
    settings |= {"jit_compile": "false", "feature_cache_gb": 100.0}
    shape = (SIDE, SIDE, 3) if kind in ("files", "decoded") else (28, 28, 1)
    count, ahead, files = times * examples, 0.0, []
    with common.peak_memory() as taken, tempfile.TemporaryDirectory() as folder:
        if not times:
            nothing = np.zeros((1, *shape), np.uint8), np.arange(9, 10)
            ours.Run(Work(*nothing, epochs=2), **settings)
            return taken
        with np.load(path) as data:
            inputs, labels = (data[k][:examples] for k in common.DATA)
        every = np.arange(count) % examples
        if kind == "decoded":
            split = pathlib.Path(folder, "train")
            common.link(inputs[every], labels[every], split)
            source, ahead = _decoded(folder, shape)
        elif kind == "features":
            source = core.take(ours.source(inputs, labels), every)
        else:
            source = ours.source(inputs[every], labels[every])
            files = inputs[every] if kind == "files" else []
        work = Work(inputs, labels, epochs=2)
        run = ours.Run(work, ours.dataset(source, work.classes), **settings)
        if kind == "features":
            ahead = timed(1, lambda: run.cache_features(folder)).total
            files = list(pathlib.Path(folder, ".features").iterdir())
        size = _bytes(files) or count * math.prod(shape)
        epoch = run.train().seconds[1]
    return taken | {"data": size / 1e6, "ahead": ahead, "epoch": epoch}


def _decoded(folder: str, shape: tuple[int, ...]) -> tuple[Any, float]:
    """A folder as TFDS reads it, mapped, and the seconds of decoding it."""
    builder, found = tfds.ImageFolder(folder), []
    read = tfds_images.read_split
    taken = timed(
        1,
        lambda: found.append(read(builder, "train", shape, memory_limit=0)),
    )
    return found[0], taken.total


def _bytes(files: Sequence) -> int:
    return sum(map(os.path.getsize, files))


def save(every: str, path: str, examples: int, seed: int) -> dict[str, float]:
    """Trains the CNN of the table for three epochs, and saves as given.

    Returns:
        "epoch", seconds of the median epoch after the first, and "saving",
        seconds an epoch of the callback that saves.
    """
    with np.load(path) as data:
        arrays = [data[name][:examples] for name in common.DATA]
    work = Work(*arrays, epochs=3, seed=seed)
    settings = {"checkpoint_every": every, "jit_compile": "false"}
    run, saving = ours.Run(work, backbone="cnn", **settings), []

    def clocked(method: Callable) -> Callable:
        return lambda *given, **named: saving.append(
            timed(1, lambda: method(*given, **named)).total
        )

    names = "on_train_batch_end", "on_epoch_end"
    callback = checkpointing.CheckpointCallback
    patched = {name: clocked(getattr(callback, name)) for name in names}
    clocks = mock.patch.multiple(callback, **patched)
    with clocks, tempfile.TemporaryDirectory() as folder:
        seconds = run.train(pathlib.Path(folder)).seconds
    return {"epoch": median(seconds[1:]), "saving": sum(saving) / work.epochs}


def started() -> dict[str, float]:
    """Measures imports, and a run of two stages on the bundled digits.

    Returns:
        Seconds, which `report.START_UP` names: those of `result.json`, and of
        its training those of epochs and what first ones take beyond others.
    """
    program = [sys.executable, "-m", "keras_ptft"]
    helped = timed(1, lambda: common.run([*program, "--help"])).total
    printed = common.run([sys.executable, "-c", _IMPORTS]).split()
    seconds = Counter(tensorflow=float(printed[0]), imports=float(printed[1]))
    with tempfile.TemporaryDirectory() as folder:
        options = f"--runs_dir={folder}", "--export_to=", "--nocompare_scratch"
        command = [*program, "run", *_RECIPES, *options]
        whole = timed(1, lambda: common.run(command)).total
        for path in pathlib.Path(folder).glob("*/result.json"):
            result = json.loads(path.read_text(encoding="utf-8"))
            first, *later = (row["seconds"] for row in result["history"])
            usual = median(later)
            seconds.update(result["seconds"])
            seconds.update(epochs=usual + sum(later), tracing=first - usual)
    inside = seconds["epochs"] + seconds["tracing"]
    seconds["rest"] = whole + inside - seconds.total()
    seconds["outside"] = seconds["train"] - inside
    return {**seconds, "help": helped, "all": whole}


# the title, what measures it, and the materials it needs
SECTIONS = {
    "checkpoints": ("Checkpoints", checkpoints, ("images",)),
    "growth": ("Growth", growth, ("images", "paths")),
    "startup": ("Start-up", start_up, ()),
}
