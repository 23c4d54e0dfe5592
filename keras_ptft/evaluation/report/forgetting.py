"""What a fine-tuning has cost on the task of pretraining, in a sentence."""

from collections.abc import Mapping
from typing import Any

from keras_ptft.evaluation.metrics import metric_of, shown_metrics


def forgetting_sentence(found: Mapping[str, Any]) -> str:
    """Returns what became of the first metric, for a person.

    Args:
        found: "forgetting" of `result.json`.

    Example:

    >>> print(forgetting_sentence({"run": "first", "frozen": False,
    ...     "before": {"examples": 360, "accuracy": 0.981},
    ...     "after": {"examples": 360, "accuracy": 0.9131}}))
    Pretraining task: 98.10 -> 91.31 % accuracy (first, 360 test examples).
    """
    if "not_measured" in found:
        return f"Pretraining task: not measured: {found['not_measured']}"
    before, after = found["before"], found["after"]
    name = next(iter(shown_metrics(before)))
    metric = metric_of(name)
    where = f"({found['run']}, {before['examples']:,} test examples)"
    if found["frozen"]:
        return (
            f"Pretraining task: {metric.text(before[name])} {metric.title} as "
            f"before, since no pretrained weight has changed {where}."
        )
    both = f"{metric.cell(before[name])} -> {metric.text(after[name])}"
    return f"Pretraining task: {both} {metric.title} {where}."
