"""What a trained run is good for: scores, exports, predictions."""

import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from keras_ptft import files
from keras_ptft.config import FIELDS, Config, PredictConfig
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.errors import UserError
from keras_ptft.experiment import builders, run_dir
from keras_ptft.experiment.conclude import export_run
from keras_ptft.experiment.results import RunResult, read_result
from keras_ptft.models.saved import load_model
from keras_ptft.models.structure import named_inputs
from keras_ptft.objectives import Objective
from keras_ptft.objectives.saved import LABELS_FILE, read_objective
from keras_ptft.serving.export import check_export_dir
from keras_ptft.serving.generation.sampling import Sampling
from keras_ptft.serving.inference.predictor import load_model_or_export
from keras_ptft.serving.inference.resolve import ModelFiles, find_model
from keras_ptft.serving.inference.results import (
    Generated,
    Prediction,
    to_csv,
)
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.transfer.loading import check_input


def evaluate(
    run: str | os.PathLike, *, dataset: Dataset | None = None, **changes: Any
) -> dict[str, Any]:
    """Scores a run's model on the whole test split.

    Args:
        run: a complete run folder.
        dataset: a data set of your own, in place of the run's.
        changes: settings of the data that differ from the run's.

    Returns:
        The metrics, which `result.json` holds under "test", followed by
        the settings that differ.

    Raises:
        UserError: the run is not complete, or the data do not fit it.
    """
    _check_changes(changes)
    folder, config, result = _complete(run)
    path = folder / run_dir.MODEL_FILE
    config = config.replace(**changes)
    loaded = builders.reload_dataset(config, dataset, path)
    # a model without labels may read more than its backbone does
    backbone = load_model(folder / run_dir.BACKBONE_FILE)
    check_input(backbone, loaded.spec)
    _check_labels(folder, loaded)
    objective = builders.build_objective(config, loaded.info)
    # one process scores what several workers have trained
    name = "auto" if config.strategy == "multi_worker" else config.strategy
    with get_strategy(name).scope():
        model = load_model(path)
    _check_inputs(folder, model, objective)
    metrics = objective.score(model, loaded.splits["test"])
    changed = [
        f"{name}={value}"
        for name, value in changes.items()
        if name not in run_dir.NON_IDENTITY_FIELDS
    ]
    scored = {**result.metrics, " ".join(["test", *changed]): metrics}
    result.replace(metrics=scored).write(folder)
    return metrics


def export(
    run: str | os.PathLike,
    export_to: str = "",
    *,
    dataset: Dataset | None = None,
) -> pathlib.Path:
    """Publishes a run's model as the next version in a folder.

    Args:
        run: a complete run folder.
        export_to: folder of versions; empty: as the run's settings say, or
            else `saved_models/` and the run's name.
        dataset: the data set of the run, where it was handed over.

    Returns:
        The folder of the new version.

    Raises:
        UserError: the run is not complete, or the folder is not writable.
    """
    folder, config, result = _complete(run)
    target = export_to or config.export_to or f"saved_models/{folder.name}"
    check_export_dir(target)
    config = config.replace(export_to=target)
    path = folder / run_dir.MODEL_FILE
    loaded = builders.reload_dataset(config, dataset, path)
    exported = export_run(folder, config, result, load_model(path), loaded)
    return pathlib.Path(exported.path)


def predict(
    model: str | os.PathLike,
    inputs: Sequence[str | os.PathLike],
    csv: str = "",
    **settings: Any,
) -> list[Prediction] | list[Generated]:
    """Predicts labels for images, arrays, tables or texts, or more text.

    Args:
        model: a run folder, a `.keras` file or an export.
        inputs: files and folders; for a model of texts also texts.
        csv: also write the predictions to this file; "-" is the terminal.
        settings: as `PredictConfig` has them.

    Raises:
        UserError: the model or an input cannot be read.
    """
    config = PredictConfig(csv=csv, **settings)
    found = find_model(model, is_complete=_is_complete_or_no_run)
    rows: list[Any]
    if config.generate:
        rows = _generate(found, inputs, config)
    else:
        rows = list(_predict(found, inputs, config))
    if csv:
        to_csv(rows, csv)
    return rows


def _predict(
    found: ModelFiles,
    inputs: Sequence[str | os.PathLike],
    config: PredictConfig,
) -> Iterator[Prediction]:
    loaded = load_model_or_export(found)
    objective = read_objective(found.extra)
    predictor = objective.predictor(loaded)
    for names, batch in predictor.batches(inputs, config.text_column):
        answers = predictor.run(batch)
        yield from objective.decode(names, answers, config.reject_below)


def _generate(
    found: ModelFiles,
    inputs: Sequence[str | os.PathLike],
    config: PredictConfig,
) -> list[Generated]:
    if found.keras_file is None:
        raise UserError(
            f"No language model in {found.saved_model}, which --generate "
            "needs: give a run folder or .keras file of "
            "--objective=next_token."
        )
    sampling = Sampling(
        tokens=config.generate,
        temperature=config.temperature,
        top_k=config.top_k,
        seed=config.seed,
    )
    model = load_model(found.keras_file)
    objective = read_objective(found.extra)
    texts = [os.fspath(word) for word in inputs]
    return objective.generate(model, texts, sampling, config.text_column)


def _check_changes(changes: dict[str, Any]) -> None:
    for name in changes:
        if FIELDS[name].metadata["group"] != "data":
            raise UserError(
                f"evaluate takes settings of the data alone, got --{name}: "
                "leave it out."
            )


def _check_inputs(
    folder: pathlib.Path, model: keras.Model, objective: Objective
) -> None:
    names = named_inputs(model)
    if missing := set(objective.extra_inputs) - set(names):
        raise UserError(
            f"The model in {folder} must have an input {missing.pop()!r}, got "
            f"{', '.join(sorted(names))}, as version 0.1 wrote it: run the "
            "stage again under another --name."
        )


def _check_labels(folder: pathlib.Path, dataset: Dataset) -> None:
    names = tuple(files.read_json(folder / LABELS_FILE))
    if names != dataset.label_names:
        raise UserError(
            f"The model in {folder} knows the classes {', '.join(names)}; "
            f"the data set has {', '.join(dataset.label_names)}: choose the "
            "same with --classes."
        )


def _complete(
    run: str | os.PathLike,
) -> tuple[pathlib.Path, Config, RunResult]:
    folder, config = pathlib.Path(run), run_dir.read_config(run)
    result = read_result(folder)
    if result is None:
        raise UserError(f"The run in {run} is not complete: run it to its end.")
    return folder, config, result


def _is_complete_or_no_run(folder: pathlib.Path) -> bool:
    is_run = (folder / run_dir.FLAGS_FILE).is_file()
    return not is_run or run_dir.is_complete(folder)
