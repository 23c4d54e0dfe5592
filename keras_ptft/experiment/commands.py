"""What a trained run is good for: scores, exports, predictions."""

import logging
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from keras_ptft import files
from keras_ptft.config import FIELDS, Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.leakage.overlap import ShownPair
from keras_ptft.errors import UserError
from keras_ptft.evaluation.findings import examine
from keras_ptft.evaluation.metrics.out_of_scope import summary_line
from keras_ptft.evaluation.report.report import Leakage, write_report
from keras_ptft.evaluation.report.runs_table import measures
from keras_ptft.evaluation.scores import score
from keras_ptft.experiment import builders, run_dir
from keras_ptft.models.saved import load_model
from keras_ptft.serving import export as exporting
from keras_ptft.serving.generation.generate import Generated, generate
from keras_ptft.serving.generation.sampling import Sampling
from keras_ptft.serving.inference import predict as predicting
from keras_ptft.serving.verification.expected import examples_of
from keras_ptft.serving.word_vectors import write_projector, write_word2vec
from keras_ptft.training.timer import Timer
from keras_ptft.transfer.audit import fingerprint
from keras_ptft.transfer.loading import check_input

_LOG = logging.getLogger("keras_ptft")


def evaluate(run: str | os.PathLike, **changes: Any) -> dict[str, Any]:
    """Scores a run's model on the whole test split.

    Args:
        run: a complete run folder.
        changes: settings that differ from the run's, such as `dataset`.

    Returns:
        The metrics, which `result.json` holds under "test", followed by
        the settings that differ.

    Raises:
        UserError: the run is not complete, or the data do not fit it.
    """
    _check_changes(changes)
    folder, config, result = _complete(run)
    path = folder / "model.keras"
    config = config.replace(**changes)
    dataset, _ = builders.load_dataset(config, parent=path)
    model = load_model(path)
    # a model without labels may read more than its backbone does
    check_input(load_model(folder / "backbone.keras"), dataset.spec)
    _check_labels(folder, dataset)
    objective = builders.make_objective(config, dataset)
    metrics = score(
        model, objective, dataset.splits["test"], dataset.label_names
    )
    changed = [
        f"{name}={value}"
        for name, value in changes.items()
        if name not in run_dir.NON_IDENTITY_FIELDS
    ]
    name = " ".join(["test", *changed])
    result["metrics"][name] = metrics
    files.write_json(folder / "result.json", result)
    return metrics


def export(run: str | os.PathLike, export_to: str = "") -> pathlib.Path:
    """Publishes a run's model as the next version in a folder.

    Args:
        run: a complete run folder.
        export_to: folder of versions; empty: as the run's settings say, or
            else `saved_models/` and the run's name.

    Returns:
        The folder of the new version.

    Raises:
        UserError: the run is not complete, or the folder is not writable.
    """
    folder, config, result = _complete(run)
    target = export_to or config.export_to or f"saved_models/{folder.name}"
    config = config.replace(export_to=target)
    dataset, _ = builders.load_dataset(config, parent=folder / "model.keras")
    model = load_model(folder / "model.keras")
    return _export(folder, model, target, result, dataset)


def predict(
    model: str | os.PathLike,
    inputs: Sequence[str | os.PathLike],
    csv: str = "",
    **settings: Any,
) -> list[predicting.Prediction] | list[Generated]:
    """Labels for images, folders, arrays, tables or texts, or more text.

    Args:
        model: a run folder, a `.keras` file or an export.
        inputs: files and folders; for a model of texts also texts.
        csv: also write the predictions to this file; "-" is the terminal.
        settings: `text_column`, `reject_below`; `generate`, `temperature`,
            `top_k` and `seed`, as `Config` has them.

    Raises:
        UserError: the model or an input cannot be read.
    """
    config = Config(**settings)
    column = config.text_column
    if config.generate:
        names = "generate", "temperature", "top_k", "seed"
        sampling = Sampling(*(getattr(config, name) for name in names))
        rows = generate(model, inputs, sampling, column)
    else:
        least = config.reject_below
        rows = predicting.predict(model, inputs, column, least)
    if csv:
        predicting.to_csv(rows, csv)
    return rows


def conclude(
    folder: pathlib.Path,
    config: Config,
    dataset: Dataset,
    result: dict[str, Any],
    clock: Timer,
    shown: Sequence[ShownPair] = (),
) -> dict[str, Any]:
    """Scores what was saved, reports it, and exports it if asked.

    Args:
        folder: the run folder, with the saved model.
        config: the settings of the run.
        dataset: the data set of the run.
        result: what the stage has to say.
        clock: where its seconds went.
        shown: images that stand in two splits, for the report.

    Returns:
        The whole of `result.json`, written when all else is there.
    """
    with clock("evaluate"):
        model = load_model(folder / "model.keras")
        objective = builders.make_objective(config, dataset)
        found = examine(
            model, objective, dataset, reject_below=config.reject_below
        )
    result = {"run": folder.name, "status": "complete"} | result
    result |= {"seconds": clock.seconds, "metrics": dict(found.metrics)}
    if found.out_of_scope is not None:
        result["out_of_scope"] = found.out_of_scope
        _LOG.info(summary_line(found.out_of_scope))
    if found.word_vectors is not None:
        write_word2vec(folder / "vectors.txt", *found.word_vectors)
        write_projector(folder / "projector", *found.word_vectors)
    result["comparison"] = _comparison(folder.name, result)
    write_report(
        folder / "report.html",
        title=folder.name,
        settings={name: str(getattr(config, name)) for name in FIELDS},
        history=result["history"],
        findings=found,
        comparison=result["comparison"],
        leaks=Leakage(result["leaks"], shown),
    )
    files.write_json(folder / "result.json", result)
    return publish(folder, config, result, dataset, model)


def publish(
    folder: pathlib.Path,
    config: Config,
    result: dict[str, Any],
    dataset: Dataset | None = None,
    model: keras.Model | None = None,
) -> dict[str, Any]:
    """Exports a run where its settings ask for it and it is not yet done.

    Args:
        folder: a complete run folder.
        config: the settings as they are now.
        result: the run's result; gets an "export".
        dataset: the data set of the run; None: loaded if it is needed.
        model: the model of the run; None: likewise.
    """
    done = result.get("export", {})
    if not config.export_to:
        return result
    if done.get("base") == config.export_to and os.path.isdir(done["path"]):
        _LOG.info(
            "%s is exported already, as %s; the next version: "
            "keras-ptft export %s.",
            *(folder, done["path"], folder),
        )
        return result
    if model is None:
        model = load_model(folder / "model.keras")
    # a kill may come between publishing a version and noting it
    known = exporting.find_export(config.export_to, _source(folder, model))
    if known is not None:
        _note_export(folder, config.export_to, result, known)
        return result
    if dataset is None:
        dataset, _ = builders.load_dataset(
            config, parent=folder / "model.keras"
        )
    _export(folder, model, config.export_to, result, dataset)
    return result


def _export(
    folder: pathlib.Path,
    model: keras.Model,
    target: str,
    result: dict,
    dataset: Dataset,
) -> pathlib.Path:
    test = dataset.splits["test"]
    examples, texts = examples_of(test, dataset.tokenizer)
    exported = exporting.export(
        model,
        target,
        label_names=dataset.label_names,
        examples=examples,
        source=_source(folder, model),
        texts=texts,
    )
    _note_export(folder, target, result, exported)
    return exported.path


def _source(folder: pathlib.Path, model: keras.Model) -> dict[str, str]:
    return {"run": folder.name, "weights": fingerprint(model)}


def _note_export(
    folder: pathlib.Path, target: str, result: dict, exported: exporting.Export
) -> None:
    result["export"] = {
        "base": target,
        "path": str(exported.path),
        "version": exported.version,
        "largest_difference": dict(exported.largest_difference),
    }
    files.write_json(folder / "result.json", result)
    _LOG.info("Exported %s.", exported.path)


def _comparison(name: str, result: dict[str, Any]) -> list[dict[str, Any]]:
    rows = [_row(name, result)]
    if "scratch" in result:
        rows.append(_row("the same from scratch", result["scratch"]))
    return rows


def _row(name: str, result: dict[str, Any]) -> dict[str, Any]:
    seconds = result["seconds"]
    return {
        "run": name,
        **measures(result["metrics"]["test"]),
        "trained_parameters": result["trained_parameters"],
        "seconds": seconds.get("features", 0.0) + seconds["train"],
    }


def _check_changes(changes: dict[str, Any]) -> None:
    for name in changes:
        if FIELDS[name].metadata["group"] != "data":
            raise UserError(
                f"evaluate takes settings of the data alone, got --{name}: "
                "leave it out."
            )


def _check_labels(folder: pathlib.Path, dataset: Dataset) -> None:
    names = tuple(files.read_json(folder / "labels.json"))
    if names != dataset.label_names:
        raise UserError(
            f"The model in {folder} knows the classes {', '.join(names)}; "
            f"the data set has {', '.join(dataset.label_names)}: choose the "
            "same with --classes."
        )


def _complete(
    run: str | os.PathLike,
) -> tuple[pathlib.Path, Config, dict[str, Any]]:
    folder, config = pathlib.Path(run), run_dir.read_config(run)
    if not run_dir.is_complete(folder):
        raise UserError(f"The run in {run} is not complete: run it to its end.")
    return folder, config, files.read_json(folder / "result.json")
