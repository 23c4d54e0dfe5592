"""Scores of a test split by the values of another column."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source, take
from keras_ptft.data.core.targets import NUMBERS
from keras_ptft.evaluation.intervals import mean_intervals
from keras_ptft.evaluation.measure import measure
from keras_ptft.evaluation.subgroups import groups_of, largest_gap
from keras_ptft.objectives import Objective


def score_groups(
    objective: Objective,
    model: keras.Model,
    test: Source,
    before: Mapping[str, Any],
    column: str,
    recalled: Any = None,
) -> dict[str, Any]:
    """Scores each group of a test split.

    Args:
        objective: that the model was trained for.
        model: as `Objective.score_again` takes it.
        test: the examples, with `by`.
        before: as `Objective.score_again` takes it.
        column: that `by` was read from.
        recalled: as `Objective.score_again` takes it.

    Returns:
        What `result.json` has beside the metrics of the whole split: the
        `column`, `groups` (name to its metrics), `largest_gap` (see `Gap`)
        and `notes`.
    """
    found = groups_of([] if test.by is None else test.by.tolist(), column)
    scored = {
        name: _scored(objective, model, take(test, members), before, recalled)
        for name, members in found.members.items()
    }
    gap = largest_gap(scored)
    return {
        "column": column,
        "groups": scored,
        "largest_gap": gap._asdict() if gap else None,
        "notes": list(found.notes),
    }


def _scored(
    objective: Objective,
    model: keras.Model,
    source: Source,
    before: Mapping[str, Any],
    recalled: Any,
) -> dict[str, Any]:
    """Metrics with intervals, those of means where it has no others."""
    metrics = objective.score_again(model, source, before, recalled)
    if "intervals" in metrics:
        return metrics

    def keep(targets: Any, outputs: Any) -> dict[str, tf.Tensor]:
        kept = {"loss": objective.loss(targets, outputs)}
        if objective.label_kind == NUMBERS:
            kept["mae"] = tf.abs(outputs - targets)[:, 0]
        return kept

    means: dict[str, np.ndarray] = measure(model, objective, source, keep)[1]
    return metrics | {"intervals": mean_intervals(means)}
