"""Single test examples on a page, and what the model looks at in them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps

from keras_ptft.evaluation.report.feature_map import (
    FeatureMap,
    feature_map_png,
    feature_map_text,
)
from keras_ptft.evaluation.report.pictures import (
    HEAT,
    heat_source,
    is_small,
    picture_source,
    smaller,
)
from keras_ptft.evaluation.report.views import ShownExample, view_grid

MOST_COLUMNS = 10
"""Columns of a table that are told of an example."""

# tokens of a text
_MOST_TOKENS = 80
# of the background of a word
_DARKEST = 0.6


class Exhibit(NamedTuple):
    """A test example, and what the model made of it.

    Attributes:
        place: what a user knows it by, such as its file.
        true: its label, its labels, or its number.
        predicted: the one that was predicted.
        measure: how sure the model was, or how far it is off.
        image: uint8 of shape (height, width, channels); None: no image.
        text: None: no text.
        columns: names and numbers of a row of a table, or some of them.
    """

    place: str
    true: str
    predicted: str
    measure: str
    image: np.ndarray | None = None
    text: str | None = None
    columns: Sequence[tuple[str, float]] = ()


class Explained(NamedTuple):
    """What each part of an example speaks for.

    Attributes:
        exhibit: the example.
        verdict: whether the model is right.
        output: the answer that is explained, as "cat".
        effects: what each part adds to that answer: float of shape (rows,
            columns) of an image, (tokens,) of a text, (columns,) of a row.
        pieces: of a text, that of each token with the space before it.
        columns: of a row, names and numbers of all of them.
    """

    exhibit: Exhibit
    verdict: str
    output: str
    effects: np.ndarray
    pieces: Sequence[str] = ()
    columns: Sequence[tuple[str, float]] = ()


class Insight(NamedTuple):
    """What is told of single test examples.

    Attributes:
        heading: what the worst of them are called.
        measure: what `Exhibit.measure` is.
        worst: the worst first.
        method: how the explanations were made.
        reading: how to read them.
        explained: some examples that the model is wrong in, then right ones.
        feature_map: the features of many, or None.
        nearest: test images with the training images nearest to them.
        notes: what is left out, and why.
    """

    heading: str
    measure: str
    worst: Sequence[Exhibit]
    method: str = ""
    reading: str = ""
    explained: Sequence[Explained] = ()
    feature_map: FeatureMap | None = None
    nearest: Sequence[ShownExample] = ()
    notes: Sequence[str] = ()


def insight_parts(found: Insight | None) -> dict[str, Any]:
    """Returns what a page shows of single examples, by the template's names."""
    if found is None:
        none: dict[str, Any] = {"insight": None, "explained": []}
        return none | {"map_png": "", "nearest": None}
    features = found.feature_map
    return {
        "insight": found,
        "worst": [_shown(exhibit) for exhibit in found.worst],
        "explained": [_explained(one) for one in found.explained],
        "heat_colors": ", ".join(heat_colors()),
        "nearest": view_grid(found.nearest),
        "map_png": "" if features is None else feature_map_png(features),
        "map_text": "" if features is None else feature_map_text(features),
    }


def heat_colors(count: int = 7) -> list[str]:
    """Returns colours of the scale of a heat map, as CSS has them.

    Example:

    >>> heat_colors(2)
    ['rgb(68 1 84)', 'rgb(253 231 36)']
    """
    found = colormaps[HEAT](np.linspace(0, 1, count))[:, :3]
    return [
        f"rgb({red} {green} {blue})"
        for red, green, blue in np.trunc(255 * found).astype(int).tolist()
    ]


def _shown(exhibit: Exhibit) -> dict[str, Any]:
    shown: dict[str, Any] = {"exhibit": exhibit, "source": "", "small": False}
    if exhibit.image is not None:
        image = smaller(exhibit.image)
        shown |= {"source": picture_source(image), "small": is_small(image)}
    return shown


def _explained(one: Explained) -> dict[str, Any]:
    shown = _shown(one.exhibit)
    shown |= {"one": one, "heat": "", "words": [], "bars": []}
    if one.exhibit.image is not None:
        image = smaller(one.exhibit.image)
        return shown | {"heat": heat_source(image, one.effects)}
    if one.pieces:
        return shown | {"words": _words(one.pieces, one.effects)}
    return shown | {"bars": _bars(one)}


def _words(
    pieces: Sequence[str], effects: np.ndarray
) -> list[tuple[str, str, str, float]]:
    """A space or none, a token, which way it speaks, and how dark it is.

    Of a long text those tokens are shown that lie together and count most.
    """
    strongest = np.abs(effects).max(initial=0.0) or 1.0
    start = _start(np.abs(effects))
    chosen = slice(start, start + _MOST_TOKENS)
    words = [
        (
            piece[: len(piece) - len(piece.lstrip())],
            piece.lstrip(),
            "for" if effect > 0 else "against",
            round(_DARKEST * abs(effect) / strongest, 3),
        )
        for piece, effect in zip(
            pieces[chosen], effects[chosen].tolist(), strict=True
        )
    ]
    before = [("", "…", "for", 0.0)] if start else []
    is_cut = start + _MOST_TOKENS < len(pieces)
    after = [(" ", "…", "for", 0.0)] if is_cut else []
    return [*before, *words, *after]


def _start(sizes: np.ndarray) -> int:
    """Where the window of tokens begins that count most together."""
    if len(sizes) <= _MOST_TOKENS:
        return 0
    sums = np.convolve(sizes, np.ones(_MOST_TOKENS), mode="valid")
    return int(sums.argmax())


def _bars(one: Explained) -> list[dict[str, Any]]:
    """The columns with the largest effects, each with its bar."""
    order = np.argsort(-np.abs(one.effects), kind="stable")[:MOST_COLUMNS]
    strongest = np.abs(one.effects).max(initial=0.0) or 1.0
    return [
        {
            "column": one.columns[index][0],
            "value": one.columns[index][1],
            "effect": one.effects[index],
            "side": "for" if one.effects[index] > 0 else "against",
            "width": round(50 * abs(one.effects[index]) / strongest, 1),
        }
        for index in order.tolist()
    ]
