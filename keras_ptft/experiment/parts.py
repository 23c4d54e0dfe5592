"""What a published version holds, and what it is checked for."""

import dataclasses
import logging
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from keras_ptft.evaluation.report.privacy import NOT_COVERED
from keras_ptft.experiment import bundling
from keras_ptft.experiment.formats import formats
from keras_ptft.experiment.privacy import is_private
from keras_ptft.experiment.proving import proved
from keras_ptft.experiment.publication import Publication, intake_of
from keras_ptft.experiment.run_files import CARD_FILE
from keras_ptft.objectives.saved import write_objective
from keras_ptft.serving.bundle.names import model_name
from keras_ptft.serving.bundle.server_files import PART
from keras_ptft.serving.bundle.warmup import warmup_batches, write_warmup
from keras_ptft.serving.export import EXTRA, Draft
from keras_ptft.serving.monitoring.statistics import (
    measure_splits,
    write_statistics,
)
from keras_ptft.serving.monitoring.watched import watch_signatures
from keras_ptft.serving.signatures.columns import column_inputs
from keras_ptft.serving.verification.graph import check_graph
from keras_ptft.serving.versioning.contract import (
    CONTRACT,
    check_contract,
    contract_of,
)
from keras_ptft.serving.versioning.release import RELEASE, release

_LOG = logging.getLogger("keras_ptft")


def _contract(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Tells what clients can rely on, and refuses what breaks them."""
    info = given.objective.info
    contract = contract_of(draft.folder, info.label_names, info.table_columns)
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


def _statistics(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Writes what `monitor` compares requests with."""
    most, objective = given.config.statistics_examples, given.objective
    if is_private(given.config):
        return {"left_out": "private"}
    if not most:
        return {}
    splits = given.dataset.splits
    count = sum(min(len(splits[name]), most) for name in ("train", "test"))
    watched = watch_signatures(
        draft.signatures,
        objective.info,
        objective.predictor,
        given.config.largest_batch,
        examples=count,
    )
    _LOG.info(
        "Measuring %s examples, for monitor (--statistics_examples).",
        f"{count:,}",
    )
    statistics = measure_splits(watched, splits, most)
    return write_statistics(draft.folder / EXTRA, statistics)


def _privacy(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Tells what a private training guarantees, and what it does not."""
    del draft
    if given.result.privacy is None:
        return {}
    return {**given.result.privacy, "not_covered": list(NOT_COVERED)}


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
    "proved": proved,
    "formats": formats,
    "statistics": _statistics,
    "privacy": _privacy,
}
"""What a version holds and is checked for, in this order.

Each returns what `export.json` tells of it under its name, and raises a
UserError where the version must not be published.
"""
