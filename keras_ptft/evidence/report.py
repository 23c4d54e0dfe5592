"""A run told on one page that needs no other file."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import numpy as np

from keras_ptft import files
from keras_ptft.evidence.pictures import confusion_picture, learning_curves
from keras_ptft.evidence.table import HEADINGS, table_cells

_FOLDER = pathlib.Path(__file__).parent
_MOST_CONFUSIONS = 10


def write_report(
    path: str | os.PathLike,
    *,
    title: str,
    settings: Mapping[str, str],
    history: Sequence[Mapping[str, float]],
    metrics: Mapping[str, Any],
    label_names: Sequence[str],
    comparison: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Writes a page with a run's scores, pictures, classes and settings.

    Args:
        path: the HTML file, written beside and renamed.
        title: the page's heading.
        settings: name to value, listed as given.
        history: an epoch a row: `epoch`, `loss`, `accuracy` and, where there
            was validation, `val_loss` and `val_accuracy`; may be empty.
        metrics: what `classification_metrics` returned.
        label_names: the classes' names in the order of the metrics.
        comparison: runs side by side, as `table_cells` takes them.

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
    page = environment.get_template("report.html").render(
        title=title,
        settings=settings,
        metrics=metrics,
        classes=[(name, metrics["per_class"][name]) for name in label_names],
        confusions=most_confused(matrix, label_names),
        confusion_picture=confusion_picture(matrix, label_names),
        curves=learning_curves(history) if history else "",
        headings=HEADINGS,
        comparison=table_cells(comparison),
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
