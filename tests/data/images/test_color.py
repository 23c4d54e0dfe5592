"""Colours as users write them."""

import pytest

from keras_ptft.data.core.info import WHITE
from keras_ptft.data.images.color import parse_color
from keras_ptft.errors import UserError


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("white", WHITE),
        ("Black", (0, 0, 0)),
        ("#ffeedd", (255, 238, 221)),
        ("#fed", (255, 238, 221)),
        (" rgb(1, 2, 3) ", (1, 2, 3)),
    ],
)
def test_a_colour_is_read(text, color):
    assert parse_color(text) == color


@pytest.mark.parametrize(
    "text", ["", "whiet", "#ffeedd80", "rgb(300, 0, 0)", "1,2,3", "#" * 500]
)
def test_other_text_is_refused_in_a_line(text):
    with pytest.raises(UserError, match="such as white or #ffeedd, got '"):
        parse_color(text)
    try:
        parse_color(text)
    except UserError as error:
        assert len(str(error)) < 110
