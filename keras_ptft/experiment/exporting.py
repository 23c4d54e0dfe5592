"""Publishes a run's model as a version that TensorFlow Serving takes."""

import logging
import os
import pathlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras

from keras_ptft import files
from keras_ptft.config import Config, check_group
from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.loading import reload_dataset
from keras_ptft.experiment.made_up import made_up
from keras_ptft.experiment.parts import PARTS
from keras_ptft.experiment.privacy import is_private
from keras_ptft.experiment.publication import (
    Publication,
    check_export_settings,
    intake_of,
)
from keras_ptft.experiment.results import ExportResult, RunResult
from keras_ptft.experiment.weights import Weights
from keras_ptft.models.saved import load_model
from keras_ptft.objectives.saved import read_objective
from keras_ptft.remote.mirrored import mirrored
from keras_ptft.serving.bundle.server_files import write_server_files
from keras_ptft.serving.export import Export, find_export
from keras_ptft.serving.export import export as write_export
from keras_ptft.serving.signatures.arrays import in_float32
from keras_ptft.serving.versioning.releases import settle
from keras_ptft.serving.versioning.remote import (
    is_published,
    path_of,
    publishing,
)
from keras_ptft.serving.versioning.server_config import config_fields
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
    if done and done.base == config.export_to and is_published(done.path):
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
    with publishing(config.export_to) as base:
        # a kill may come between publishing a version and noting it
        known = find_export(base, _source(folder, model))
        if known is not None:
            _settle(config, base, known)
    if known is not None:
        noted = _note(folder, config, result, known)
        return result.replace(export=noted)
    if dataset is None:
        weights = Weights.beside(folder / run_dir.MODEL_FILE, model)
        dataset = reload_dataset(config, given, weights)
    noted = export_run(folder, config, result, model, dataset)
    return result.replace(export=noted)


def export(
    run: str | os.PathLike,
    export_to: str = "",
    *,
    dataset: Dataset | None = None,
    **changes: Any,
) -> pathlib.Path | str:
    """Publishes a run's model as the next version in a folder.

    Args:
        run: a complete run folder, or its URL.
        export_to: folder of versions, or its URL; empty: as the run's
            settings say, or else `saved_models/` and the run's name.
        dataset: the data set of the run, where it was handed over.
        changes: settings of the export that differ from the run's.

    Returns:
        The folder of the new version, or its URL.

    Raises:
        UserError: the run is not complete, the folder is not writable, or a
            setting is not of the export.
    """
    check_group("export", "export", changes)
    folder, before, result = run_dir.complete_run(run)
    # what breaks clients is accepted for one version, not for all of a run
    config = before.replace(**({"breaking": False} | changes))
    target = export_to or config.export_to or f"saved_models/{folder.name}"
    config = config.replace(export_to=target)
    check_export_settings(config)
    path = folder / run_dir.MODEL_FILE
    model = load_model(path)
    loaded = reload_dataset(config, dataset, Weights.beside(path, model))
    with mirrored(folder):
        exported = export_run(folder, config, result, model, loaded)
    if files.is_url(exported.path):
        return exported.path
    return pathlib.Path(exported.path)


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
        dataset: the data set of the run, whose test split proves the export,
            unless the run is private.

    Returns:
        The version, which is also written into `result.json`.

    Raises:
        UserError: see `serving.export.export` and the parts.
    """
    given = Publication(
        folder=folder,
        config=config,
        result=result,
        model=in_float32(model),
        dataset=dataset,
        objective=read_objective(folder),
    )
    with publishing(config.export_to) as base:
        _LOG.info(
            "Exporting to %s: first the model answers test examples.",
            config.export_to,
        )
        exported = write_export(
            base,
            given.objective.signatures(
                given.model, _proofs(given), intake_of(config)
            ),
            parts={n: partial(part, given) for n, part in PARTS.items()},
            source=_source(folder, model),
        )
        _settle(config, base, exported)
    return _note(folder, config, result, exported)


def _proofs(given: Publication) -> Source:
    """What proves a version, and what it shows of its requests."""
    test = given.dataset.splits["test"]
    if not is_private(given.config):
        return test
    return made_up(test, given.objective.info.tokenizer)


def _source(folder: pathlib.Path, model: keras.Model) -> Mapping[str, str]:
    return {"run": folder.name, "weights": fingerprint(model)}


def _settle(config: Config, base: pathlib.Path, exported: Export) -> None:
    """Does what follows publishing a version, before a server sees it all."""
    settle(base, exported.version, keep=config.keep_versions)
    write_server_files(exported.path, config_fields(base))


def _note(
    folder: pathlib.Path, config: Config, result: RunResult, exported: Export
) -> ExportResult:
    noted = ExportResult(
        base=config.export_to,
        path=path_of(config.export_to, exported.path),
        version=exported.version,
        largest_difference=dict(exported.largest_difference),
    )
    result.replace(export=noted).write(folder)
    _LOG.info("Exported %s.", noted.path)
    return noted
