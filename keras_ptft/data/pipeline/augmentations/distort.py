"""Images turned, stretched, moved and bent, as one hand writes them."""

import math

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.pipeline.augmentations.images import check_images, rounded
from keras_ptft.errors import check_range

_STREAM = 6
_AFFINE = 6
# of the grid whose points are displaced; a cubic spline reaches beyond the
# image on both sides
_CELLS = 4
_POINTS = _CELLS + 3


def distort(
    images: tf.Tensor,
    seeds: tf.Tensor,
    /,
    *,
    rotate: float = 15.0,
    zoom: float = 0.15,
    shear: float = 0.2,
    shift: float = 0.08,
    bend: float = 0.1,
) -> tf.Tensor:
    """Turns, stretches, moves and bends images (Simard et al. 2003).

    "Best Practices for Convolutional Neural Networks Applied to Visual
    Document Analysis", the recipe for handwritten digits. What moves in from
    outside is black.

    Args:
        rotate: largest angle to either side in degrees.
        zoom: largest change of the width and of the height, as a fraction.
        shear: largest shift of a row, as a fraction of its distance from
            the middle.
        shift: largest distance across and down, as a fraction of the size.
        bend: largest displacement of a point of a 7×7 grid, as a fraction of
            the size; in between lies a cubic spline.
    """
    check_images(images)
    check_range("rotate", rotate, 0.0, 180.0)
    check_range("zoom", zoom, 0.0, 0.9)
    for name, value in (("shear", shear), ("shift", shift), ("bend", bend)):
        check_range(name, value, 0.0, 1.0)
    count = _AFFINE + 2 * _POINTS**2
    turns = 2.0 * draw(seeds, count, stream=_STREAM) - 1.0
    # the last bit of a sine or a sum of products may depend on its place in
    # a batch: in float64 that is no bit of a float32
    affine, grid = tf.split(tf.cast(turns, tf.float64), [_AFFINE, -1], axis=1)
    limits = (math.radians(rotate), zoom, zoom, shear, shift, shift)
    size = tuple(images.shape[1:3])
    places = affine_places(affine * limits, size) + bend_field(
        bend * grid, size
    )
    return sampled(images, tf.cast(places, tf.float32))


def sampled(images: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Looks pixels up between others, bilinearly; black outside.

    Args:
        images: of shape (batch, height, width, channels).
        places: rows and columns to look at, float32 of shape (batch,
            height, width, 2); 0 is the middle of the first.

    Returns:
        Images of the same shape and type.
    """
    height, width, channels = images.shape[1:]
    # a black rim, in which all that lies farther outside ends
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
    flat = tf.reshape(padded, [-1, (height + 2) * (width + 2), channels])
    inside = 1.0 + tf.clip_by_value(places, -1.0, (float(height), float(width)))
    first = tf.minimum(tf.floor(inside), (float(height), float(width)))
    down, across = tf.split(inside - first, 2, axis=3)
    first = tf.cast(first, tf.int32)
    corner = first[..., 0] * (width + 2) + first[..., 1]

    def look(offset: int) -> tf.Tensor:
        found = tf.gather(flat, corner + offset, axis=1, batch_dims=1)
        return tf.cast(found, tf.float32)

    upper = look(0) * (1.0 - across) + look(1) * across
    below = width + 2
    lower = look(below) * (1.0 - across) + look(below + 1) * across
    return rounded(upper * (1.0 - down) + lower * down, images.dtype)


def affine_places(amounts: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Where pixels come from in images that are turned about their middle.

    Args:
        amounts: float64 of shape (batch, 6): radians, changes of height and
            of width, shear, distances down and across.
        size: height and width.

    Returns:
        Rows and columns, (batch, height, width, 2).
    """
    angle, tall, wide, shear, down, across = (
        part[:, None, None] for part in tf.unstack(amounts, axis=1)
    )
    height, width = size
    y, x = np.meshgrid(_from_middle(height), _from_middle(width), indexing="ij")
    sine, cosine = tf.sin(angle), tf.cos(angle)
    rows = (sine * x + cosine * y) / (1.0 + tall)
    columns = (cosine * x - sine * y) / (1.0 + wide) + shear * rows
    rows += (height - 1) / 2.0 + height * down
    columns += (width - 1) / 2.0 + width * across
    return tf.stack([rows, columns], axis=3)


def bend_field(grid: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Displacements of pixels by those of a grid, (batch, height, width, 2).

    Args:
        grid: float64 of shape (batch, 2 * 7 * 7), as fractions of the size.
        size: height and width.
    """
    points = tf.reshape(grid, [-1, 2, _POINTS, _POINTS])
    rows, columns = (tf.constant(spline_weights(length)) for length in size)
    field = tf.einsum("yi,baij,xj->byxa", rows, points, columns)
    return field * tf.constant(size, tf.float64)


def spline_weights(length: int) -> np.ndarray:
    """Weights of the points of a uniform cubic B-spline, (length, points)."""
    position = (np.arange(length) + 0.5) / length * _CELLS
    cell = position.astype(int)
    t = position - cell
    parts = [
        (1 - t) ** 3,
        3 * t**3 - 6 * t**2 + 4,
        -3 * t**3 + 3 * t**2 + 3 * t + 1,
        t**3,
    ]
    weights = np.zeros((length, _POINTS))
    for offset, part in enumerate(parts):
        weights[np.arange(length), cell + offset] = part / 6
    return weights


def _from_middle(length: int) -> np.ndarray:
    return np.arange(length) - (length - 1) / 2.0
