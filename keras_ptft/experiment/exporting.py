"""Publishes a run's model as a version that TensorFlow Serving takes."""

import dataclasses
import logging
import os
import pathlib
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.experiment import bundling, run_dir
from keras_ptft.experiment.formats import formats
from keras_ptft.experiment.loading import reload_dataset
from keras_ptft.experiment.results import ExportResult, RunResult
from keras_ptft.experiment.run_files import CARD_FILE
from keras_ptft.experiment.weights import Weights
from keras_ptft.models.saved import load_model
from keras_ptft.objectives import Objective
from keras_ptft.objectives.saved import read_objective, write_objective
from keras_ptft.serving.bundle.names import model_name
from keras_ptft.serving.bundle.server_files import PART, write_server_files
from keras_ptft.serving.bundle.warmup import warmup_batches, write_warmup
from keras_ptft.serving.contract import CONTRACT, check_contract, contract_of
from keras_ptft.serving.export import (
    EXTRA,
    Draft,
    Export,
    export,
    find_export,
)
from keras_ptft.serving.monitoring.statistics import (
    measure_splits,
    write_statistics,
)
from keras_ptft.serving.monitoring.watched import watch_signatures
from keras_ptft.serving.release import RELEASE, release
from keras_ptft.serving.releases import settle
from keras_ptft.serving.server_config import config_fields
from keras_ptft.serving.signatures.arrays import in_float32
from keras_ptft.serving.signatures.columns import column_inputs
from keras_ptft.serving.signatures.intake import Intake
from keras_ptft.serving.verification.graph import check_graph
from keras_ptft.serving.verification.prove import prove
from keras_ptft.serving.versions import versions
from keras_ptft.transfer.audit import fingerprint

_LOG = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True)
class Publication:
    """A run that is to be published, and what its version is made of.

    Attributes:
        folder: the run folder, complete.
        config: the settings of the run and of its export.
        result: the run's result.
        model: the model of the run, in float32.
        dataset: the data set of the run, prepared; its test split proves
            the export.
        objective: what the model was trained for.
    """

    folder: pathlib.Path
    config: Config
    result: RunResult
    model: keras.Model
    dataset: Dataset
    objective: Objective


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


def _contract(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Tells what clients can rely on, and refuses what breaks them."""
    info = given.objective.info
    # a text is one input, whatever its columns are called
    columns = () if info.is_text else info.columns
    contract = contract_of(draft.folder, info.label_names, columns)
    check_contract(draft.base, contract, breaking=given.config.breaking)
    return contract


def _release(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Tells whether the version is to be tried first."""
    del draft
    return release(canary=given.config.canary)


def _objective(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Writes what `predict` needs to answer with the version."""
    extra = draft.folder / EXTRA
    write_objective(extra, given.config.objective, given.objective.info)
    return {"setting": given.config.objective}


def _card(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Copies the model card."""
    # runs of earlier versions have none
    if not (given.folder / CARD_FILE).exists():
        return {}
    shutil.copyfile(given.folder / CARD_FILE, draft.folder / EXTRA / CARD_FILE)
    return {"file": CARD_FILE}


def _warmup(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Writes requests of test examples, for a server to warm up with."""
    most = given.config.largest_batch
    sizes = warmup_batches(given.config.warmup_batches)
    return write_warmup(
        draft.folder / EXTRA,
        model_name(draft.base),
        draft.signatures,
        sorted({min(size, most or size) for size in sizes}),
    )


def intake_of(config: Config) -> Intake:
    """Returns what requests an export refuses."""
    return Intake(
        corrupt_images=config.corrupt_images,
        most_pixels=config.most_pixels,
        most_text_bytes=config.most_text_bytes,
        largest_batch=config.largest_batch,
    )


def _intake(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Tells what requests are refused."""
    del draft
    return dataclasses.asdict(intake_of(given.config))


def _columns(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Tells which column each input of signature `columns` is."""
    if all(signature.name != "columns" for signature in draft.signatures):
        return {}
    return column_inputs(given.objective.info.columns)


def _graph(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Checks that a plain TensorFlow Serving can run it."""
    return check_graph(draft.folder, given.config.serve_with)


def _proved(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Runs it where it was not made."""
    return prove(draft.folder, draft.signatures, given.config.prove_with)


def _statistics(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Writes what `monitor` compares requests with."""
    most, objective = given.config.statistics_examples, given.objective
    if not most:
        return {}
    watched = watch_signatures(
        draft.signatures, objective.info, objective.predictor
    )
    statistics = measure_splits(watched, given.dataset.splits, most)
    return write_statistics(draft.folder / EXTRA, statistics)


PARTS: dict[str, Callable[[Publication, Draft], Mapping[str, Any]]] = {
    CONTRACT: _contract,
    RELEASE: _release,
    "objective": _objective,
    "card": _card,
    "warmup": _warmup,
    "assets": bundling.assets,
    PART: bundling.client,
    "intake": _intake,
    "columns": _columns,
    "graph": _graph,
    "proved": _proved,
    "formats": formats,
    "statistics": _statistics,
}
"""What a version holds and is checked for, in this order.

Each returns what `export.json` tells of it under its name, and raises a
UserError where the version must not be published.
"""


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
