"""Says what the data of a run are, and what became of every example."""

import logging
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from keras_ptft.data.core.account import Account
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.core.targets import NUMBERS, SETS

_LOG = logging.getLogger("keras_ptft")


def tell_account(name: str, dataset: Dataset, found: Account) -> None:
    """Logs what `found` says of a data set that is called `name`."""
    first, *others = found.lines()
    kind = f"{_kind(dataset)}, {_targets(dataset, found)}"
    _LOG.info("%s: %s of %s.", name, first, kind)
    for line in others:
        _LOG.info("%s.", line)


def _kind(dataset: Dataset) -> str:
    spec: Any = dataset.spec
    if isinstance(spec, Mapping):
        return " and ".join(spec)
    if spec.dtype == tf.string:
        return "text"
    return f"{'×'.join(map(str, spec.shape))} {spec.dtype.name}"


def _targets(dataset: Dataset, found: Account) -> str:
    """What is to be predicted."""
    names = dataset.label_names
    if dataset.label_kind == NUMBERS:
        parts = found.targets.values()
        low, high = (
            min(p["lowest"] for p in parts),
            max(p["highest"] for p in parts),
        )
        return f"numbers from {low:.6g} to {high:.6g}"
    if dataset.label_kind == SETS:
        return f"{len(names):,} labels"
    return f"{len(names):,} classes" if names else "no labels"
