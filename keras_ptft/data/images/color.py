"""Colours as users write them."""

import contextlib

from PIL import ImageColor

from keras_ptft.data.core.info import Color
from keras_ptft.errors import UserError
from keras_ptft.registry import shown


def parse_color(text: str) -> Color:
    """Returns the colour that a name, #rrggbb or rgb(r, g, b) stands for.

    Raises:
        UserError: text of another form, or a colour with opacity.

    Example:

    >>> parse_color("white"), parse_color("#ffeedd")
    ((255, 255, 255), (255, 238, 221))
    """
    with contextlib.suppress(ValueError):
        color = ImageColor.getrgb(text.strip())
        if len(color) == 3 and max(color) <= 255:
            return color
    raise UserError(
        "--background must be a colour such as white or #ffeedd, got "
        f"{shown(text)}."
    )
