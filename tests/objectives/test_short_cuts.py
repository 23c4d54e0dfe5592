"""What views leave alone is found on noise."""

import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives.contrastive import Contrastive
from keras_ptft.objectives.short_cuts import short_cuts
from keras_ptft.objectives.vicreg import VICReg

ALIKE, PLACES, COLORS = "one image twice", "at its place", "keep their colours"


def images(channels, dtype=tf.uint8):
    return DataInfo(tf.TensorSpec((24, 24, channels), dtype, "image"))


@pytest.mark.parametrize(
    "view, channels, told",
    [
        ("simclr", 3, []),
        ("photo", 3, []),
        ("simclr(color=0.0)", 3, [COLORS]),
        ("simclr(color=0.0)", 1, []),
        ("random_resized_crop", 3, [COLORS]),
        ("color_jitter", 3, [PLACES]),
        ("flip", 3, [ALIKE, COLORS]),
        ("shift(padding=1)", 1, [ALIKE]),
    ],
)
def test_short_cuts_are_told(view, channels, told):
    found = Contrastive(images(channels), view=view).cautions()
    assert len(found) == len(told)
    for sentence, part in zip(found, told, strict=True):
        assert part in sentence and f"view='{view}'" in sentence
        assert ": use view='simclr'" in sentence and "\n" not in sentence


def test_the_share_of_views_that_are_alike_by_hand():
    def every_fourth(pixels, seeds):
        """Brighter in the second view, but of 3 in 4 examples."""
        change = tf.cast((seeds[:, 1] == 2) & (seeds[:, 2] % 4 > 0), tf.uint8)
        return tf.reverse(pixels, [2]) + change[:, None, None, None]

    [sentence] = short_cuts(every_fourth, "x", 1)
    assert sentence.startswith("25 % of the pairs of views by x are one image")


def test_unknown_images_and_those_of_no_pixels_are_not_judged():
    assert Contrastive(DataInfo(), view="flip").cautions() == ()
    floats = images(1, tf.float32)
    assert VICReg(floats, view="flip").cautions() == ()


@pytest.mark.parametrize(
    "view, info, reason",
    [
        ("drop_tokens", images(3), "'drop_tokens' needs texts, got uint8"),
        ("simclr", images(1, tf.float32), "needs uint8 images of 1 channel"),
        ("simclr", images(4), "needs uint8 images of 1 channel"),
    ],
)
def test_a_view_that_cannot_be_made_is_refused_at_once(view, info, reason):
    with pytest.raises(UserError, match=reason) as caught:
        Contrastive(info, view=view)
    assert f"Setting view='{view}' makes no views" in str(caught.value)
    assert "--augment" not in str(caught.value)
