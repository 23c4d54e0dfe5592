"""Training images as they are, beside those that a model sees in training."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ptft.evaluation.report.pictures import (
    is_small,
    picture_source,
    smaller,
)

_COLUMNS = 6


class View(NamedTuple):
    """An image, uint8 of shape (height, width, channels), and its label."""

    image: np.ndarray
    label: str


class ShownExample(NamedTuple):
    """A training image, and how it was shown in each of the first epochs."""

    original: View
    views: Sequence[View]


class Grid(NamedTuple):
    """Pictures as a page lays them out.

    Attributes:
        columns: pictures side by side; of several examples where each has
            few.
        rows: the pictures of each example, the original first.
    """

    columns: int
    rows: Sequence[Sequence[dict[str, Any]]]


def view_grid(examples: Sequence[ShownExample]) -> Grid | None:
    """Returns the pictures of some examples; None: there are none.

    Images are made smaller, so that a page stays small.
    """
    if not examples:
        return None
    width = 1 + len(examples[0].views)
    together = max(1, min(_COLUMNS // width, len(examples)))
    rows = [
        [_picture(view) for view in (example.original, *example.views)]
        for example in examples
    ]
    return Grid(together * width, rows)


def label_texts(labels: np.ndarray, names: Sequence[str]) -> list[str]:
    """Returns what a reader is told of labels.

    Args:
        labels: integers of shape (examples,), classes; floats of this shape,
            numbers; floats of shape (examples, classes), shares of classes.
        names: of the classes; none: classes are not told.

    Example:

    >>> label_texts(np.array([[0.25, 0.75], [1.0, 0.0]]), ["cat", "dog"])
    ['75 % dog, 25 % cat', 'cat']
    """
    if labels.ndim == 2:
        return [_shares(row, names) for row in labels]
    if np.issubdtype(labels.dtype, np.floating):
        return [f"{number:.4g}" for number in labels]
    return [names[label] if names else "" for label in labels]


def _shares(row: np.ndarray, names: Sequence[str]) -> str:
    percent = np.round(100 * row).astype(int)
    order = np.argsort(-percent, kind="stable")
    return ", ".join(
        names[n] if percent[n] == 100 else f"{percent[n]} % {names[n]}"
        for n in order
        if percent[n]
    )


def _picture(view: View) -> dict[str, Any]:
    image = smaller(view.image)
    return {
        "source": picture_source(image),
        "label": view.label,
        "small": is_small(image),
    }
