"""A run told on one page that needs no other file."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2
import numpy as np

from keras_ptft import files
from keras_ptft.evidence.pictures import (
    confusion_picture,
    image_picture,
    learning_curves,
)
from keras_ptft.evidence.table import HEADINGS, table_cells

if TYPE_CHECKING:
    # a report is written without TensorFlow
    from keras_ptft.data.overlaps import ShownPair

_FOLDER = pathlib.Path(__file__).parent
_MOST_CONFUSIONS = 10
_PLACES = {
    "train": "training",
    "validation": "validation",
    "test": "test",
    "pretraining": "pretraining",
}


class Leakage(NamedTuple):
    """Examples that stand in two splits.

    Attributes:
        counts: "leaks" of `result.json`.
        shown: pairs of images.
    """

    counts: Mapping[str, Any]
    shown: Sequence["ShownPair"] = ()


def write_report(
    path: str | os.PathLike,
    *,
    title: str,
    settings: Mapping[str, str],
    history: Sequence[Mapping[str, float]],
    metrics: Mapping[str, Any],
    comparison: Sequence[Mapping[str, Any]] = (),
    leaks: Leakage | None = None,
) -> None:
    """Writes a page with a run's scores, pictures, classes and settings.

    Args:
        path: the HTML file, written beside and renamed.
        title: the page's heading.
        settings: name to value, listed as given.
        history: an epoch a row: `epoch`, `loss`, `accuracy` and, where there
            was validation, `val_loss` and `val_accuracy`; may be empty.
        metrics: what `classification_metrics` returned.
        comparison: runs side by side, as `table_cells` takes them.
        leaks: examples that stand in two splits, if they were looked for.

    Raises:
        UserError: the file cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    matrix = metrics["confusion_matrix"]
    label_names = list(metrics["per_class"])
    page = environment.get_template("report.html").render(
        title=title,
        settings=settings,
        metrics=metrics,
        classes=metrics["per_class"].items(),
        confusions=most_confused(matrix, label_names),
        confusion_picture=confusion_picture(matrix, label_names),
        curves=learning_curves(history) if history else "",
        headings=HEADINGS,
        comparison=table_cells(comparison),
        leaks=leak_rows(leaks.counts) if leaks else [],
        pairs=[_pictured(pair) for pair in leaks.shown] if leaks else [],
    )
    files.write_text(path, page)


def most_confused(
    matrix: Sequence[Sequence[int]], label_names: Sequence[str]
) -> list[tuple[str, str, int, float]]:
    """The mistakes made most often, the most frequent first.

    Args:
        matrix: counts; rows true, columns predicted.
        label_names: a name a row.

    Returns:
        At most 10 of (true name, predicted name, count, share of the true
        class).

    Example:

    >>> most_confused([[8, 2], [0, 5]], ["cat", "dog"])
    [('cat', 'dog', 2, 0.2)]
    """
    counts = np.asarray(matrix)
    mistakes = counts - np.diag(np.diag(counts))
    order = np.argsort(-mistakes, axis=None, kind="stable")
    rows, columns = np.unravel_index(order[:_MOST_CONFUSIONS], counts.shape)
    return [
        (
            label_names[row],
            label_names[column],
            int(mistakes[row, column]),
            float(mistakes[row, column] / counts[row].sum()),
        )
        for row, column in zip(rows, columns, strict=True)
        if mistakes[row, column]
    ]


def leak_rows(counts: Mapping[str, Any]) -> list[tuple[str, str, int, int]]:
    """Each two splits that were compared, and what they have in common.

    Args:
        counts: "leaks" of `result.json`.

    Returns:
        (name of one, name of the other, exact copies, near copies), with -1
        near copies where they were not looked for.

    Example:

    >>> leak_rows({"train_in_test": 2, "near": {"train_in_test": 1}})
    [('training', 'test', 2, 1)]
    """
    near = counts["near"] or {}
    rows = []
    for name, count in counts.items():
        left, _, right = name.partition("_in_")
        if left in _PLACES and right in _PLACES:
            places = _PLACES[left], _PLACES[right]
            rows.append((*places, count, near.get(name, -1)))
    return rows


def _pictured(pair: "ShownPair") -> dict[str, Any]:
    return {
        "bits": pair.bits,
        "sides": [
            (_PLACES[split], name, image_picture(image))
            for split, name, image in zip(
                pair.splits, pair.names, pair.images, strict=True
            )
        ],
    }
