"""Metrics of a model's predictions, and how each is shown.

METRICS is the one table of them: `result.json`, the report, the terminal and
the table of runs follow from it. A metric of classifiers is a function of
labels and logits in its row; other metrics are computed by their objective.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from keras_ptft.evaluation.metrics.calibration import calibration_error
from keras_ptft.evaluation.metrics.classification import accuracy
from keras_ptft.evaluation.metrics.probabilities import (
    brier_score,
    roc_auc_macro,
    top_5_accuracy,
)

ClassifierMetric = Callable[[np.ndarray, np.ndarray], float | None]
"""(labels (examples,), logits (examples, classes)) → value, or None where
there is none."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """How a metric is computed and shown.

    Attributes:
        title: as a person reads it.
        digits: after the decimal point.
        percent: whether it is a fraction that is shown as a percentage.
        unit: of the value, such as "nats".
        direction: "higher" or "lower" is better; "" is neither.
        of_classifier: computes it for every classifier, or None.
        in_table: whether the table of runs and the terminal show it.

    Example:

    >>> Metric("accuracy", digits=2, percent=True).text(0.98754)
    '98.75 %'
    """

    title: str
    digits: int = 4
    percent: bool = False
    unit: str = ""
    direction: str = "higher"
    of_classifier: ClassifierMetric | None = None
    in_table: bool = True

    @property
    def heading(self) -> str:
        """The heading of its column in a table of runs."""
        return f"{self.title} %" if self.percent else self.title

    def cell(self, value: float) -> str:
        """The text of a value in that column."""
        return f"{100 * value if self.percent else value:,.{self.digits}f}"

    def text(self, value: float) -> str:
        """The text of a value that stands alone."""
        return self.cell(value) + (" %" if self.percent else "")


METRICS: dict[str, Metric] = {
    "accuracy": Metric(
        "accuracy", digits=2, percent=True, of_classifier=accuracy
    ),
    "roc_auc": Metric("ROC AUC"),
    "top_5_accuracy": Metric(
        "top-5 accuracy",
        digits=2,
        percent=True,
        of_classifier=top_5_accuracy,
        in_table=False,
    ),
    "roc_auc_macro": Metric(
        "macro ROC AUC", of_classifier=roc_auc_macro, in_table=False
    ),
    "average_precision": Metric("average precision"),
    "exact_match": Metric("exact match", digits=2, percent=True),
    "f1_micro": Metric("micro F1"),
    "f1_macro": Metric("macro F1"),
    "mean_average_precision": Metric("mean average precision"),
    "precision_micro": Metric("micro precision", in_table=False),
    "recall_micro": Metric("micro recall", in_table=False),
    "precision_macro": Metric("macro precision", in_table=False),
    "recall_macro": Metric("macro recall", in_table=False),
    "precision_weighted": Metric("weighted precision", in_table=False),
    "recall_weighted": Metric("weighted recall", in_table=False),
    "f1_weighted": Metric("weighted F1", in_table=False),
    "entity_f1": Metric("entity F1"),
    "entity_precision": Metric("entity precision", in_table=False),
    "entity_recall": Metric("entity recall", in_table=False),
    "mae": Metric("MAE", direction="lower"),
    "rmse": Metric("RMSE", direction="lower"),
    "r2": Metric("R²"),
    "brier_score": Metric(
        "Brier score",
        direction="lower",
        of_classifier=brier_score,
        in_table=False,
    ),
    "calibration_error": Metric(
        "expected calibration error",
        digits=2,
        percent=True,
        direction="lower",
        of_classifier=calibration_error,
        in_table=False,
    ),
    "knn_accuracy": Metric("kNN accuracy", digits=2, percent=True),
    "probe_accuracy": Metric("probe accuracy", digits=2, percent=True),
    "view_accuracy": Metric("view accuracy", digits=2, percent=True),
    "rotation_accuracy": Metric("rotation accuracy", digits=2, percent=True),
    "pair_accuracy": Metric("partner accuracy", digits=2, percent=True),
    "mean_reciprocal_rank": Metric("mean reciprocal rank"),
    "feature_spread": Metric("spread of features", direction=""),
    "effective_rank": Metric("effective rank", digits=1, direction=""),
    "loss": Metric("loss", unit="nats", direction="lower"),
    "perplexity": Metric("perplexity", digits=2, direction="lower"),
    "examples": Metric("examples", digits=0, direction="", in_table=False),
}


def metric_of(name: str) -> Metric:
    """Returns the row of a metric; one that has none is shown by its name.

    An objective may have Keras metrics of its own, which need no row.
    """
    return METRICS.get(name) or Metric(name.replace("_", " "), direction="")


def shown_metrics(metrics: Mapping[str, object]) -> dict[str, float]:
    """Returns the numbers that a table of runs and the terminal show.

    Args:
        metrics: of one split, as `result.json` has them.

    Example:

    >>> shown_metrics({"examples": 9, "loss": 0.5, "per_class": {}})
    {'loss': 0.5}
    """
    names = [*(n for n in METRICS if n in metrics)]
    names += [n for n in metrics if n not in METRICS]
    return {
        name: value
        for name in names
        if isinstance(value := metrics[name], float)
        and metric_of(name).in_table
    }


def classifier_metrics(
    labels: np.ndarray, logits: np.ndarray
) -> dict[str, float]:
    """Computes every metric of METRICS that is a function of logits.

    One that these data have not, as a top-5 accuracy of 3 classes, is left
    out.

    Args:
        labels: the true class of each example, int of shape (examples,).
        logits: float of shape (examples, classes).
    """
    found = {
        name: metric.of_classifier(labels, logits)
        for name, metric in METRICS.items()
        if metric.of_classifier is not None
    }
    return {name: value for name, value in found.items() if value is not None}
