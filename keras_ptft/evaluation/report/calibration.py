"""What a report tells of a classifier's probabilities."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import binom, binomtest

from keras_ptft.evaluation.metrics import metric_of
from keras_ptft.evaluation.report.figures import (
    TRAINING,
    VALIDATION,
    figure_png,
)

Bins = Sequence[Mapping[str, float]]
"""Bins that have examples, each with `from`, `to`, `examples`, `confidence`
and `accuracy`."""


def calibration_parts(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Returns what a page says of calibration; empty where nothing is known.

    Args:
        metrics: of the test split, as `result.json` has them.

    Returns:
        `calibration_png` and `calibration_text`.
    """
    found = metrics.get("calibration")
    if found is None:
        return {"calibration_png": "", "calibration_text": ""}
    return {
        "calibration_png": reliability_png(found["bins"]),
        "calibration_text": calibration_text(found),
    }


def reliability_png(bins: Bins) -> str:
    """Draws how often predictions are right by how probable they are.

    Each fraction has its 95 % interval (Wilson 1927): few examples tell
    little.

    Args:
        bins: as `calibration` of a split has them.

    Returns:
        A PNG in base64.
    """
    figure = Figure(figsize=(4.6, 5.0), layout="constrained")
    diagram, sizes = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    diagram.plot([0, 1], [0, 1], color=VALIDATION, linewidth=1)
    diagram.errorbar(
        [row["confidence"] for row in bins],
        [row["accuracy"] for row in bins],
        np.transpose([_reach(row) for row in bins]),
        color=TRAINING,
        linestyle="none",
        marker="o",
        markersize=5,
        elinewidth=1,
    )
    diagram.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="fraction right")
    sizes.bar(
        [(row["from"] + row["to"]) / 2 for row in bins],
        [row["examples"] for row in bins],
        width=[0.9 * (row["to"] - row["from"]) for row in bins],
        color=TRAINING,
    )
    sizes.set(xlabel="probability of the predicted class", ylabel="examples")
    sizes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axes in (diagram, sizes):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)
    return figure_png(figure)


def calibration_text(found: Mapping[str, Any]) -> str:
    """Returns what the bins come to, in a few sentences.

    The model is called too sure or not sure enough where chance alone would
    hardly make its accuracy differ as much (two standard deviations). The
    expected calibration error is never 0 of few examples; beside it stands
    how large chance alone may make it.

    Args:
        found: `calibration` of a split.

    Example:

    >>> row = {"examples": 400, "confidence": 0.9, "accuracy": 0.8}
    >>> calibration_text({"bins": [row], "error": 0.1, "temperature": 1.7,
    ...     "error_scaled": 0.01})
    'The model is surer than it is right: the classes it predicts have a mean \
probability of 90.0 %, and 80.0 % of them are right. The expected calibration \
error is 10.00 % (of 400 examples, chance alone would make it up to 3.01 % if \
every probability were exact); with the logits divided by 1.7, the best \
temperature on the validation split, it would be 1.00 %.'
    """
    bins = found["bins"]
    examples = [row["examples"] for row in bins]
    sure, right = (
        float(np.average([row[name] for row in bins], weights=examples))
        for name in ("confidence", "accuracy")
    )
    spread = sum(
        n * _variance(row) for n, row in zip(examples, bins, strict=True)
    )
    chance = error_by_chance(bins)
    if abs(sure - right) <= 2 * math.sqrt(spread) / sum(examples):
        verdict = "about as sure as it is right"
        if found["error"] > chance:
            verdict += " on the whole, but not at each probability"
    else:
        verdict = "surer than it is right"
        if sure < right:
            verdict = "right more often than it is sure"
    text = (
        f"The model is {verdict}: the classes it predicts have a mean "
        f"probability of {100 * sure:.1f} %, and {100 * right:.1f} % of them "
        "are right. The expected calibration error is "
        f"{100 * found['error']:.2f} % (of {sum(examples):,} examples, chance "
        f"alone would make it up to {100 * chance:.2f} % if every probability "
        "were exact)"
    )
    if "temperature" in found:
        text += (
            f"; with the logits divided by {found['temperature']:.3g}, the "
            "best temperature on the validation split, it would be "
            f"{100 * found['error_scaled']:.2f} %"
        )
    if "applied" in found:
        return f"{text}. {_applied(found['applied'])}"
    return f"{text}."


def error_by_chance(bins: Bins) -> float:
    """Computes how large the error of exact probabilities may come out.

    A bin of n examples that are right with probability p has k right ones by
    the binomial distribution, and so a gap |k / n - p| that is not 0. The
    error is the mean of the gaps, weighted by n.

    Args:
        bins: as `calibration` of a split has them.

    Returns:
        The mean of that error and two of its standard deviations, from 0 on.

    Example:

    >>> row = {"examples": 4, "confidence": 0.5, "accuracy": 0.5}
    >>> round(error_by_chance([row]), 4)  # 3/16 + 2 sqrt(1/16 - (3/16)^2)
    0.5182
    """
    total = sum(row["examples"] for row in bins)
    mean = variance = 0.0
    for row in bins:
        share = row["examples"] / total
        gap = _mean_gap(int(row["examples"]), row["confidence"])
        mean += share * gap
        spread = _variance(row) / row["examples"] - gap**2
        variance += share**2 * max(spread, 0.0)
    return mean + 2 * math.sqrt(variance)


def _mean_gap(examples: int, probability: float) -> float:
    """The mean of |k / n - p|."""
    right = np.arange(examples + 1)
    weights = binom.pmf(right, examples, probability)
    return float(weights @ np.abs(right / examples - probability))


def interval_texts(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Returns what a score card says of the interval of each metric.

    Args:
        metrics: of the test split, as `result.json` has them.

    Example:

    >>> interval_texts({"intervals": {"accuracy": [0.931, 0.974]}})
    {'accuracy': '95 % interval 93.10 to 97.40'}
    """
    texts = {}
    for name, ends in metrics.get("intervals", {}).items():
        low, high = map(metric_of(name).cell, ends)
        texts[name] = f"95 % interval {low} to {high}"
    return texts


def _applied(found: Mapping[str, Any]) -> str:
    """What dividing the logits by a temperature has done."""
    before, after = found["before"], found["after"]
    losses, scores, errors = (
        [part[name] for part in (before, after)]
        for name in ("log_loss", "brier_score", "calibration_error")
    )
    return (
        f"These are the probabilities of logits divided by "
        f"{found['temperature']:.3g}, the best temperature on the validation "
        "split; undivided and divided, the log loss is "
        f"{losses[0]:.4f} and {losses[1]:.4f} nats, the Brier score "
        f"{scores[0]:.4f} and {scores[1]:.4f}, the expected calibration error "
        f"{100 * errors[0]:.2f} and {100 * errors[1]:.2f} %."
    )


def _reach(row: Mapping[str, float]) -> tuple[float, float]:
    """How far the interval of a fraction goes below and above it."""
    right, examples = row["accuracy"], int(row["examples"])
    test = binomtest(round(right * examples), examples)
    low, high = test.proportion_ci(method="wilson")
    # rounding may put an end on the other side
    return max(right - low, 0.0), max(high - right, 0.0)


def _variance(row: Mapping[str, float]) -> float:
    return row["confidence"] * (1 - row["confidence"])
