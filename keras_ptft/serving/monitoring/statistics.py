"""The statistics of an export, with which requests are compared.

They are counts in bins, means, quantiles and principal components. No
example of the data is stored.
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from keras_ptft.data.core.dataset import Source, take_evenly
from keras_ptft.errors import UserError
from keras_ptft.files import read_json, write_json
from keras_ptft.serving.inputs.arrays import Inputs
from keras_ptft.serving.monitoring.feature_space import FeatureSpace
from keras_ptft.serving.monitoring.histograms import Histogram
from keras_ptft.serving.monitoring.quantities import LEARNED, Values
from keras_ptft.serving.monitoring.stability import stability_index
from keras_ptft.serving.monitoring.watched import (
    Observed,
    Watched,
    concatenated,
)

STATISTICS_FILE = "statistics.json"
SPACE_FILE = "feature_space.npz"

_VERSION = 1
_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Reference:
    """The distribution of one quantity that requests are compared with.

    Attributes:
        split: whose examples they are: "train" for inputs; "test" for
            answers, features and what else is learned, since a model is
            surer of what it was trained on.
        histogram: of these examples.
        other_split: index of the other of the two splits against it.
    """

    split: str
    histogram: Histogram
    other_split: float


@dataclasses.dataclass(frozen=True)
class Statistics:
    """What requests are compared with.

    Attributes:
        examples: by split, how many were measured.
        references: by the name of a quantity.
        space: of features; None: the export gives none.
        column_inputs: as `Watched` has them.
    """

    examples: Mapping[str, int]
    references: Mapping[str, Reference]
    space: FeatureSpace | None
    column_inputs: tuple[str, ...] = ()

    def count(self, observed: Observed) -> dict[str, Histogram]:
        """Returns a histogram of each quantity of some examples."""
        values = {**observed.inputs, **_answered(observed, self.space)}
        return {
            name: Histogram.of(values[name], reference.histogram.bins)
            for name, reference in self.references.items()
        }


def measure_splits(
    watched: Watched, splits: Mapping[str, Source], most: int
) -> Statistics:
    """Measures examples of "train" and "test", as far apart as can be.

    Args:
        watched: the model.
        splits: of its data.
        most: examples of each split.
    """
    train, test = (
        concatenated(map(watched.observe, _batches(splits[name], most)))
        for name in ("train", "test")
    )
    space = None
    if train.features is not None and train.features.ndim == 2:
        space = FeatureSpace.of(train.features)
    references = _references("train", train.inputs, test.inputs)
    answers = (
        {**_learned(each), **_answered(each, space)} for each in (test, train)
    )
    references |= _references("test", *answers)
    counts = {n: min(len(splits[n]), most) for n in ("train", "test")}
    return Statistics(counts, references, space, watched.column_inputs)


def write_statistics(
    folder: str | os.PathLike, statistics: Statistics
) -> dict[str, Any]:
    """Writes statistics beside an export.

    Args:
        folder: `assets.extra` of a version.
        statistics: as they were measured.

    Returns:
        The file, how many examples it tells of, and which quantity differs
        most between "train" and "test".
    """
    folder = pathlib.Path(folder)
    quantities = {
        name: {
            "split": reference.split,
            **reference.histogram.as_dict(),
            "other_split": reference.other_split,
        }
        for name, reference in statistics.references.items()
    }
    examples = dict(statistics.examples)
    written = {
        "version": _VERSION,
        "examples": examples,
        "features": statistics.space is not None,
        "column_inputs": list(statistics.column_inputs),
        "quantities": quantities,
    }
    if statistics.space is not None:
        statistics.space.save(folder / SPACE_FILE)
    write_json(folder / STATISTICS_FILE, written)
    between = {n: r.other_split for n, r in statistics.references.items()}
    name = max(between, key=between.__getitem__, default="")
    return {
        "file": STATISTICS_FILE,
        "examples": examples,
        "most_different": {name: between[name]} if name else {},
    }


def read_statistics(folder: str | os.PathLike) -> Statistics:
    """Reads what `write_statistics` wrote.

    Args:
        folder: `assets.extra` of a version.

    Raises:
        UserError: there are none, or they are damaged.
    """
    path = pathlib.Path(folder, STATISTICS_FILE)
    if not path.exists():
        raise UserError(
            f"Expected {path}, which requests are compared with, got an "
            "export without it: export the run again, without "
            "--statistics_examples=0."
        )
    found = read_json(path)
    try:
        if found["version"] != _VERSION:
            raise LookupError(f"version {found['version']}")
        references = {
            name: Reference(
                part["split"], Histogram.from_dict(part), part["other_split"]
            )
            for name, part in found["quantities"].items()
        }
        space = None
        if found["features"]:
            space = FeatureSpace.load(path.with_name(SPACE_FILE))
        inputs = tuple(found["column_inputs"])
        return Statistics(found["examples"], references, space, inputs)
    # a changed file fails in as many ways as it can be changed
    except Exception as error:
        raise UserError(
            f"Expected statistics of version {_VERSION} in {path}, as "
            f"keras-ptft writes them, but they were changed: export the run "
            "again."
        ) from error


def _batches(source: Source, most: int) -> Iterator[Inputs]:
    """Texts, or the inputs of the model, of examples of a split."""
    texts = source if source.texts is None else source.texts
    chosen = take_evenly(texts, most)
    for start in range(0, len(chosen), _BATCH):
        end = min(start + _BATCH, len(chosen))
        found = chosen.gather(tf.range(start, end, dtype=tf.int64))
        if isinstance(found, Mapping):
            yield {name: rows.numpy() for name, rows in found.items()}
        else:
            yield found.numpy()


def _answered(observed: Observed, space: FeatureSpace | None) -> Values:
    if space is None or observed.features is None:
        return observed.answers
    return {**observed.answers, **space.coordinates(observed.features)}


def _learned(observed: Observed) -> Values:
    return {n: x for n, x in observed.inputs.items() if n in LEARNED}


def _references(
    split: str, given: Values, others: Values
) -> dict[str, Reference]:
    """References of one split, each with the index of the other."""
    found = {}
    for name, values in given.items():
        histogram = Histogram.of(values)
        other = Histogram.of(others[name], histogram.bins)
        index = stability_index(histogram.counts, other.counts)
        found[name] = Reference(split, histogram, index)
    return found
