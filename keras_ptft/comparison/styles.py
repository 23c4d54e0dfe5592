"""How each variant is drawn, the same wherever it is shown."""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

from keras_ptft.comparison.result import (
    LINEAR,
    PROBE,
    SCRATCH,
    TRAINED,
    TUNED,
)


class Style(NamedTuple):
    """Color and shape of a variant; either alone tells it from the others.

    Attributes:
        light: color on a light page.
        dark: color on a dark one.
        marker: what Matplotlib calls the shape.
        sign: the shape as a character.
        line: of Matplotlib.
    """

    light: str
    dark: str
    marker: str
    sign: str
    line: str


# by Okabe and Ito, for every kind of color blindness, darker or lighter
# where the page asks for contrast
_KNOWN = {
    SCRATCH: Style("#56606b", "#b4bec8", "s", "■", "--"),
    PROBE: Style("#00805d", "#2fc79a", "D", "◆", "-."),
    TUNED: Style("#0067a5", "#56b4e9", "o", "●", "-"),
    TRAINED: Style("#0067a5", "#56b4e9", "o", "●", "-"),
    LINEAR: Style("#c75000", "#f28a45", "^", "▲", ":"),
}
_COLORS = (
    ("#a8437e", "#e69ac6"),
    ("#8a6d00", "#f0e442"),
    ("#5b3fa6", "#b7a1ff"),
    ("#7a3b1d", "#d3a27f"),
)
_SHAPES = (("v", "▼"), ("P", "✚"), ("X", "✖"), ("*", "★"), ("h", "⬢"))


def styles_of(variants: Iterable[str]) -> dict[str, Style]:
    """Returns the style of each variant, in the order they come first.

    Example:

    >>> {name: style.sign for name, style in
    ...  styles_of(["scratch", "lora", "fine-tuned", "scratch"]).items()}
    {'scratch': '■', 'lora': '▼', 'fine-tuned': '●'}
    """
    spare = zip(
        itertools.cycle(_COLORS), itertools.cycle(_SHAPES), strict=False
    )
    styles: dict[str, Style] = {}
    for name in variants:
        if name in styles:
            continue
        known = _KNOWN.get(name)
        styles[name] = known or _own(*next(spare))
    return styles


def _own(colors: tuple[str, str], shape: tuple[str, str]) -> Style:
    return Style(*colors, *shape, line="-")
