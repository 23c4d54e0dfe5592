"""Images that show one picture without being one file.

A perceptual hash finds the candidates, for it changes little when a picture
is encoded, sized or lit anew; a look at small pictures of both confirms
them, for simple drawings have look-alikes by any hash.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from scipy.fft import dctn

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.images.resize import resize_images

# below this a picture shows too little to be told from its like
_LEAST_SIDE = 16
_MOST_SIDE = 32
_LOW = 16
_BITS = _LOW * _LOW
HASH_BYTES = _BITS // 8
# measured on 500 photographs: 99 % of copies moved by 2 of 320 pixels
_MOST_BITS = 40
# measured: 2 of MNIST's 10,000 test images reach it and no digit of
# scikit-learn's, but all of those photographs moved by 1 pixel, 84 % by 2
_LEAST_LIKENESS = 0.99
_BATCH = 256
_ROWS, _COLUMNS = 512, 4096
_MOST_A_ROW = 8


@dataclasses.dataclass(frozen=True)
class ImageHashes:
    """What is kept of each image to know it again.

    Attributes:
        hashes: uint8 of shape (images, 32), 256 bits each.
        pictures: small and grey, uint8 of shape (images, side, side).
    """

    hashes: np.ndarray
    pictures: np.ndarray


@dataclasses.dataclass(frozen=True)
class Copies:
    """Pairs of images that show one picture, the most alike first.

    Attributes:
        left: int64, numbers of images on one side.
        right: int64, on the other.
        bits: int64, how many of the 256 bits of their hashes differ.
        likeness: float32 from 0 to 1, see `likeness`.
    """

    left: np.ndarray
    right: np.ndarray
    bits: np.ndarray
    likeness: np.ndarray


_NUMBERS = np.empty(0, np.int64)
NONE = Copies(_NUMBERS, _NUMBERS, _NUMBERS, np.empty(0, np.float32))


def supports_hashing(spec: tf.TensorSpec) -> bool:
    """Whether inputs are images large enough to be compared."""
    shape = spec.shape
    return (
        spec.name == "image"
        and spec.dtype == tf.uint8
        and shape.rank == 3
        and min(shape[:2]) >= _LEAST_SIDE
    )


def prints(source: Source) -> ImageHashes:
    """Perceptual hash and small picture of every image of a source."""
    side = min(*source.spec.shape[:2], _MOST_SIDE)

    def small(numbers):
        return resize_images(_grey(source.gather(numbers)), side)[..., 0]

    batches = tf.data.Dataset.range(len(source)).batch(_BATCH)
    batches = batches.map(small, num_parallel_calls=tf.data.AUTOTUNE)
    pictures = np.empty((len(source), side, side), np.uint8)
    hashes = np.empty((len(source), HASH_BYTES), np.uint8)
    for number, batch in enumerate(batches.as_numpy_iterator()):
        place = slice(number * _BATCH, number * _BATCH + len(batch))
        pictures[place], hashes[place] = batch, perceptual_hashes(batch)
    return ImageHashes(hashes, pictures)


def perceptual_hashes(pictures: np.ndarray) -> np.ndarray:
    """pHash (Zauner 2010), for many pictures at once.

    The 16×16 lowest frequencies of the cosine transform, each above the
    median of them or not.

    Args:
        pictures: grey, of shape (pictures, side, side), side 16 or more.

    Returns:
        uint8 of shape (pictures, 32), 256 bits each.
    """
    frequencies = dctn(pictures.astype(np.float32), axes=(1, 2))
    low = frequencies[:, :_LOW, :_LOW].reshape(-1, _BITS)
    return np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)


def near_copies(left: ImageHashes, right: ImageHashes) -> Copies:
    """Finds images of `left` that have a near copy in `right`.

    Memory is bounded; where an image has many look-alikes, the nearest
    eight of some thousands are looked at.
    """
    found = [(NONE.left, NONE.right, NONE.bits, NONE.likeness)]
    for rows, columns, bits in close(left.hashes, right.hashes, _MOST_BITS):
        alike = likeness(left.pictures[rows], right.pictures[columns])
        kept = alike >= _LEAST_LIKENESS
        found.append((rows[kept], columns[kept], bits[kept], alike[kept]))
    left_, right_, bits, alike = map(np.concatenate, zip(*found, strict=True))
    order = np.argsort(-alike, kind="stable")
    return Copies(left_[order], right_[order], bits[order], alike[order])


def close(
    left: np.ndarray, right: np.ndarray, most: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pairs of hashes that differ in `most` bits at most, block by block.

    Args:
        left: hashes, uint8 of shape (images, 32).
        right: other hashes.
        most: largest number of bits that differ.

    Yields:
        Numbers in `left`, numbers in `right`, bits that differ; all int64.
    """
    for column in range(0, len(right), _COLUMNS):
        across = _signs(right[column : column + _COLUMNS]).T
        for row in range(0, len(left), _ROWS):
            # of signs: equal bits less different ones
            agreement = _signs(left[row : row + _ROWS]) @ across
            rows, columns = _above(agreement, _BITS - 2 * most)
            if len(rows):
                agreement_bits = agreement[rows, columns].astype(np.int64)
                yield (
                    rows + row,
                    columns + column,
                    (_BITS - agreement_bits) // 2,
                )


def likeness(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How well each picture explains another but for light and place.

    The multiple correlation of one with the other and its two slopes, which
    allow for another brightness, contrast and a move by part of a pixel; of
    both directions the lower one counts, and an edge of 1 pixel is left out.

    Args:
        one: grey pictures, uint8 of shape (pairs, side, side).
        other: as many more.

    Returns:
        float32 of shape (pairs,), from 0 to 1; 0 for an empty picture.
    """
    one, other = one.astype(np.float32), other.astype(np.float32)
    return np.minimum(_explained(one, other), _explained(other, one))


def _grey(images: tf.Tensor) -> tf.Tensor:
    if images.shape[-1] == 3:
        # by luminance, as those who make a grey copy do
        return tf.image.rgb_to_grayscale(images)
    mean = tf.reduce_mean(tf.cast(images, tf.float32), -1, keepdims=True)
    return tf.cast(tf.round(mean), tf.uint8)


def _signs(hashes: np.ndarray) -> np.ndarray:
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1


def _above(agreement: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Where it is high enough, in few places of a row where there are many."""
    # np.nonzero takes several times as long for two axes
    places = np.flatnonzero(agreement >= least)
    rows, columns = np.divmod(places, agreement.shape[1])
    most = min(_MOST_A_ROW, agreement.shape[1])
    if len(rows) <= most * len(agreement):
        return rows, columns
    columns = np.argpartition(agreement, -most, axis=1)[:, -most:].ravel()
    rows = np.repeat(np.arange(len(agreement)), most)
    kept = agreement[rows, columns] >= least
    return rows[kept], columns[kept]


def _explained(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    down, right = np.gradient(given, axis=(1, 2))
    causes = np.stack([_centred(x) for x in (given, right, down)], axis=1)
    effect = _centred(wanted)[..., None]
    products = causes @ causes.transpose(0, 2, 1)
    # a picture without any slope must not divide by 0
    ridge = 1e-6 * np.trace(products, axis1=1, axis2=2) + 1e-6
    products += ridge[:, None, None] * np.eye(3, dtype=np.float32)
    shared = causes @ effect
    weights = np.linalg.solve(products, shared)
    share = (weights * shared).sum((1, 2)) / ((effect**2).sum((1, 2)) + 1e-6)
    # a negative is no copy
    return np.sqrt(np.clip(share, 0, 1)) * (weights[:, 0, 0] > 0)


def _centred(pictures: np.ndarray) -> np.ndarray:
    inner = pictures[:, 1:-1, 1:-1].reshape(len(pictures), -1)
    return inner - inner.mean(axis=1, keepdims=True)
