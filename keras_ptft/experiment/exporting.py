"""Publishes a run's model as a version that TensorFlow Serving takes."""

import logging
import os
import pathlib
from collections.abc import Mapping
from functools import partial

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.loading import reload_dataset
from keras_ptft.experiment.parts import PARTS
from keras_ptft.experiment.publication import Publication, intake_of
from keras_ptft.experiment.results import ExportResult, RunResult
from keras_ptft.experiment.weights import Weights
from keras_ptft.models.saved import load_model
from keras_ptft.objectives.saved import read_objective
from keras_ptft.serving.bundle.server_files import write_server_files
from keras_ptft.serving.export import Export, export, find_export
from keras_ptft.serving.signatures.arrays import in_float32
from keras_ptft.serving.versioning.releases import settle
from keras_ptft.serving.versioning.server_config import config_fields
from keras_ptft.serving.versioning.versions import versions
from keras_ptft.transfer.audit import fingerprint

_LOG = logging.getLogger("keras_ptft")


def publish(
    folder: pathlib.Path,
    config: Config,
    result: RunResult,
    dataset: Dataset | None = None,
    *,
    given: Dataset | None = None,
) -> RunResult:
    """Exports a run where its settings ask for it and it is not done yet.

    Args:
        folder: a complete run folder.
        config: the settings as they are now.
        result: the run's result.
        dataset: the data set of the run, prepared; None: loaded if it is
            needed.
        given: the data set to prepare then, if it was handed over.

    Returns:
        The result with its export.
    """
    done = result.export
    if not config.export_to:
        return result
    if done and done.base == config.export_to and _is_published(done):
        _LOG.info(
            "%s is exported already, as %s; the next version: "
            "keras-ptft export %s.",
            folder,
            done.path,
            folder,
        )
        return result
    # not the model that was scored, whose variables may be mirrored
    model = load_model(folder / run_dir.MODEL_FILE)
    # a kill may come between publishing a version and noting it
    known = find_export(config.export_to, _source(folder, model))
    if known is not None:
        noted = _note(folder, config, result, known)
        return result.replace(export=noted)
    if dataset is None:
        weights = Weights.beside(folder / run_dir.MODEL_FILE, model)
        dataset = reload_dataset(config, given, weights)
    noted = export_run(folder, config, result, model, dataset)
    return result.replace(export=noted)


def export_run(
    folder: pathlib.Path,
    config: Config,
    result: RunResult,
    model: keras.Model,
    dataset: Dataset,
) -> ExportResult:
    """Publishes a run's model as the next version in `config.export_to`.

    Args:
        folder: a complete run folder.
        config: the settings of the run, and how to export it.
        result: the run's result.
        model: the model of the run.
        dataset: the data set of the run, whose test split proves the export.

    Returns:
        The version, which is also written into `result.json`.

    Raises:
        UserError: see `serving.export.export` and the parts.
    """
    source = _source(folder, model)
    given = Publication(
        folder=folder,
        config=config,
        result=result,
        model=in_float32(model),
        dataset=dataset,
        objective=read_objective(folder),
    )
    exported = export(
        config.export_to,
        given.objective.signatures(
            given.model, dataset.splits["test"], intake_of(config)
        ),
        parts={name: partial(part, given) for name, part in PARTS.items()},
        source=source,
    )
    return _note(folder, config, result, exported)


def _is_published(done: ExportResult) -> bool:
    """Whether a version is there, or was replaced by newer ones."""
    if os.path.isdir(done.path):
        return True
    base = pathlib.Path(done.base)
    newest = versions(base)[-1:] if base.is_dir() else []
    return any(int(path.name) > done.version for path in newest)


def _source(folder: pathlib.Path, model: keras.Model) -> Mapping[str, str]:
    return {"run": folder.name, "weights": fingerprint(model)}


def _note(
    folder: pathlib.Path, config: Config, result: RunResult, exported: Export
) -> ExportResult:
    base = config.export_to
    settle(pathlib.Path(base), exported.version, keep=config.keep_versions)
    write_server_files(exported.path, config_fields(pathlib.Path(base)))
    noted = ExportResult(
        base=base,
        path=str(exported.path),
        version=exported.version,
        largest_difference=dict(exported.largest_difference),
    )
    result.replace(export=noted).write(folder)
    _LOG.info("Exported %s.", exported.path)
    return noted
