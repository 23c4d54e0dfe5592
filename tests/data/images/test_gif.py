"""GIFs of several frames, and with transparency."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_ptft.data.images.decoding import decode_pixels
from keras_ptft.data.images.formats import MOST_PIXELS
from keras_ptft.data.images.gif import check_gif, gif_pixels, on_background
from tests.data.images.files import COLOUR, gif, pixels, written

# a logical screen of 2 by 1 with red and blue for all frames
SCREEN = b"GIF89a\2\0\1\0\x80\0\0\xff\0\0\0\0\xff"
LOOP = b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"
COMMENT = b"!\xfe\3a,!\1,\0"
# the second colour is transparent
CONTROL = b"!\xf9\4\1\0\0\1\0"
# the first colour, then the second
PIXELS = b"\2\2\x44\x0a\0"
FRAME = b",\0\0\0\0\2\0\1\0\0" + PIXELS
# with green and black for itself
OWN_FRAME = b",\0\0\0\0\2\0\1\0\x80\0\xff\0\0\0\0" + PIXELS
RED, BLUE, GREEN, BLACK = [255, 0, 0], [0, 0, 255], [0, 255, 0], [0, 0, 0]


def test_all_frames_of_a_gif_count():
    assert gif_pixels(gif(10, 20, frames=3)) == 600
    many = gif(5000, 5000, frames=5)
    assert gif_pixels(many) > MOST_PIXELS
    with pytest.raises(ValueError, match="in all frames"):
        check_gif(many)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (FRAME, [RED, BLUE]),
        (CONTROL + FRAME, [RED, list(COLOUR)]),
        (LOOP + COMMENT + CONTROL + FRAME, [RED, list(COLOUR)]),
        (CONTROL + LOOP + COMMENT + FRAME, [RED, list(COLOUR)]),
        (OWN_FRAME, [GREEN, BLACK]),
        (CONTROL + OWN_FRAME, [GREEN, list(COLOUR)]),
        # of the second frame alone
        (FRAME + CONTROL + FRAME, [RED, BLUE]),
        # no colour is transparent, or one that does not exist
        (CONTROL.replace(b"\4\1", b"\4\0") + FRAME, [RED, BLUE]),
        (CONTROL.replace(b"\0\1\0", b"\0\xff\0") + FRAME, [RED, BLUE]),
    ],
)
def test_what_is_transparent_has_the_background(content, expected):
    encoded = SCREEN + content + b";"
    found = pixels(decode_pixels, encoded, background=COLOUR)
    assert found.tolist() == [expected]


def test_real_transparency_as_pillow_writes_it():
    drawing = Image.new("RGBA", (40, 30))
    drawing.paste((0, 0, 0, 255), (10, 10, 20, 20))
    expected = np.full((30, 40, 1), 255, np.uint8)
    expected[10:20, 10:20] = 0
    encoded = written(drawing, "GIF")
    assert (pixels(decode_pixels, encoded, 1) == expected).all()
    moved = [drawing.rotate(90), drawing.rotate(180)]
    encoded = written(
        drawing, "GIF", save_all=True, append_images=moved, comment=b"drawn"
    )
    assert (pixels(decode_pixels, encoded, 1) == expected).all()


@pytest.mark.parametrize("length", [11, 13, 19, 22, 27, 30, 36])
def test_a_gif_that_ends_early_is_left_as_it_is(length):
    encoded = (SCREEN + CONTROL + FRAME)[:length]
    found = on_background(tf.constant(encoded), COLOUR).numpy()
    assert found == encoded
