"""What gives two views of an image away, without what is on it."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

View = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(images, seeds) → as many images of the same shape."""

_SIDE, _COUNT = 32, 64
# of pairs; a small shift may leave a few alike
_MOST_ALIKE = 0.05


def short_cuts(view: View, setting: str, channels: int) -> list[str]:
    """Tells which short cuts views leave open, a sentence each.

    Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual
    Representations", section 3.1: neither crops nor changes of colour are
    enough alone. What a view changes is seen on noise.

    Args:
        view: makes a view of each image.
        setting: what the user calls it.
        channels: of the images.
    """
    return list(_found(view, setting, channels))


def _found(view: View, setting: str, channels: int) -> Iterator[str]:
    noise = _noise(channels)
    one, other = (view(noise, _seeds(n)).numpy() for n in (1, 2))
    alike = float((one == other).all(axis=(1, 2, 3)).mean())
    if alike > _MOST_ALIKE:
        yield (
            f"{100 * alike:.0f} % of the pairs of views by {setting} are one "
            "image twice, of which nothing is learned: use view='simclr', or "
            "another that changes more."
        )
    if _keeps_places(noise, one):
        yield (
            f"Views by {setting} leave every pixel at its place, and are alike "
            "wherever one looks: use view='simclr', or another that crops."
        )
    if channels == 3 and _keeps_colors(view):
        yield (
            f"Views by {setting} keep their colours, by which a model may tell "
            "images apart without looking at what is on them: use "
            "view='simclr', or another that changes colours."
        )


def _noise(channels: int) -> tf.Tensor:
    """Images of two shades of grey, uint8."""
    random = np.random.default_rng(0)
    shades = random.choice([64, 160], (_COUNT, _SIDE, _SIDE, 1))
    return tf.constant(np.repeat(shades, channels, axis=3), tf.uint8)


def _keeps_places(noise: tf.Tensor, views: np.ndarray) -> bool:
    """Whether in each view two shades are where they were before."""
    are_dark = noise.numpy()[..., 0] == 64
    return all(
        (view[is_there] == view[is_there][0]).all()
        for view, is_dark in zip(views, are_dark, strict=True)
        for is_there in (is_dark, ~is_dark)
    )


def _keeps_colors(view: View) -> bool:
    """Whether images of one colour have it in the middle of their views."""
    colors = np.random.default_rng(1).integers(0, 256, (_COUNT, 1, 1, 3))
    images = np.broadcast_to(colors, (_COUNT, _SIDE, _SIDE, 3))
    views = view(tf.constant(images, tf.uint8), _seeds(1)).numpy()
    middle = _SIDE // 2
    return bool((views[:, middle, middle] == colors[:, 0, 0]).all())


def _seeds(epoch: int) -> tf.Tensor:
    return tf.constant([[0, epoch, n] for n in range(_COUNT)], tf.int64)
