"""Images that show the same picture in different files.

A perceptual hash finds candidates: it changes little when a picture is
encoded again, resized or brightened. Comparing thumbnails confirms them,
since simple drawings have similar hashes.
"""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf
from scipy.fft import dctn

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import InputSpec
from keras_ptft.data.images.resize import resize_images

# smaller images show too little to be told apart
_MIN_SIDE = 16
_MAX_SIDE = 32
_LOW = 16
_BITS = _LOW * _LOW
HASH_BYTES = _BITS // 8
# measured on 500 photographs: includes 99 % of those moved by 2 of 320 pixels
_MAX_BITS = 40
# measured: reached by 2 of MNIST's 10,000 test images and by no digit of
# scikit-learn's, but by all of those photographs moved by 1 pixel, 84 % by 2
_MIN_SIMILARITY = 0.99
_BATCH = 256
_MAX_PER_ROW = 8


@dataclasses.dataclass(frozen=True)
class ImageHashes:
    """What images are compared by.

    Attributes:
        hashes: uint8 of shape (images, 32), perceptual hashes of 256 bits.
        thumbnails: grey, uint8 of shape (images, side, side).
    """

    hashes: np.ndarray
    thumbnails: np.ndarray


def supports_hashing(spec: InputSpec) -> bool:
    """Returns whether inputs are images large enough to be compared."""
    return (
        not isinstance(spec, Mapping)
        and spec.name == "image"
        and spec.dtype == tf.uint8
        and spec.shape.rank == 3
        and min(spec.shape[:2]) >= _MIN_SIDE
    )


def compute_hashes(source: Source) -> ImageHashes:
    """Computes perceptual hash and thumbnail of every image of a source."""
    count, batches = len(source), tf.data.Dataset.range(len(source))

    # AutoGraph has nothing to rewrite here, and would take a quarter second
    @tf.autograph.experimental.do_not_convert
    def thumbnails_of(indices: tf.Tensor) -> tf.Tensor:
        grey = _grey(source.gather(indices))
        side = min(*grey.shape[1:3], _MAX_SIDE)
        return resize_images(grey, side)[..., 0]

    batches = batches.batch(_BATCH).map(
        thumbnails_of, num_parallel_calls=tf.data.AUTOTUNE
    )
    hashes = np.empty((count, HASH_BYTES), np.uint8)
    thumbnails = np.empty((count, *batches.element_spec.shape[1:]), np.uint8)
    for number, batch in enumerate(batches.as_numpy_iterator()):
        rows = slice(number * _BATCH, number * _BATCH + len(batch))
        thumbnails[rows], hashes[rows] = batch, perceptual_hashes(batch)
    return ImageHashes(hashes, thumbnails)


def perceptual_hashes(thumbnails: np.ndarray) -> np.ndarray:
    """Computes pHash (Zauner 2010) of many pictures at once.

    A bit is set where one of the 16×16 lowest frequencies of the cosine
    transform is above their median.

    Args:
        thumbnails: grey, of shape (images, side, side), side 16 or more.

    Returns:
        uint8 of shape (images, 32), 256 bits each.
    """
    frequencies = dctn(thumbnails.astype(np.float32), axes=(1, 2))
    low = frequencies[:, :_LOW, :_LOW].reshape(-1, _BITS)
    return np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)


def near_duplicates(left: ImageHashes, right: ImageHashes) -> np.ndarray:
    """Finds images of `left` that have a near duplicate in `right`.

    Memory is bounded: where an image has many candidates, the nearest
    eight of each 4,096 images are compared.

    Returns:
        int64 of shape (pairs, 3), the most similar first: index in `left`,
        index in `right`, and how many of 256 bits of their hashes differ.
    """
    found, similarities = [np.empty((0, 3), np.int64)], [np.empty(0)]
    for pairs in pairs_within(left.hashes, right.hashes, _MAX_BITS):
        first, second, _ = pairs.T
        alike = similarity(left.thumbnails[first], right.thumbnails[second])
        kept = alike >= _MIN_SIMILARITY
        found.append(pairs[kept])
        similarities.append(alike[kept])
    order = np.argsort(-np.concatenate(similarities), kind="stable")
    return np.concatenate(found)[order]


def pairs_within(
    left: np.ndarray,
    right: np.ndarray,
    max_bits: int,
    *,
    rows: int = 512,
    columns: int = 4096,
) -> Iterator[np.ndarray]:
    """Finds pairs of hashes that differ in few bits, block by block.

    Args:
        left: hashes, uint8 of shape (images, 32).
        right: other hashes.
        max_bits: maximum number of bits that differ.
        rows: hashes of `left` in a block.
        columns: hashes of `right` in a block.

    Yields:
        int64 of shape (pairs, 3): index in `left`, index in `right`, bits
        that differ. Of an image at most 8 pairs a block, where it has many.
    """
    for column in range(0, len(right), columns):
        across = _signs(right[column : column + columns]).T
        for row in range(0, len(left), rows):
            # equal bits minus different bits
            agreement = _signs(left[row : row + rows]) @ across
            first, second = _above(agreement, _BITS - 2 * max_bits)
            bits = (_BITS - agreement[first, second].astype(np.int64)) // 2
            if len(bits):
                yield np.stack([first + row, second + column, bits], axis=1)


def similarity(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Computes how well each picture explains another.

    It is the multiple correlation of one with the other and its two slopes,
    which allow for a different brightness, contrast and a shift by part of
    a pixel; the lower value of both directions, without the outer pixels.

    Args:
        one: grey pictures, uint8 of shape (pairs, side, side).
        other: likewise.

    Returns:
        float32 of shape (pairs,), from 0 to 1; 0 for an empty picture.
    """
    one, other = one.astype(np.float32), other.astype(np.float32)
    return np.minimum(_explained(one, other), _explained(other, one))


def _grey(images: tf.Tensor) -> tf.Tensor:
    if images.shape[-1] == 3:
        # by luminance, as grey copies are made
        return tf.image.rgb_to_grayscale(images)
    mean = tf.reduce_mean(tf.cast(images, tf.float32), -1, keepdims=True)
    return tf.cast(tf.round(mean), tf.uint8)


def _signs(hashes: np.ndarray) -> np.ndarray:
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1


def _above(
    agreement: np.ndarray, minimum: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of high agreement, the highest where there are many."""
    # np.nonzero takes several times as long for two axes
    found = np.flatnonzero(agreement >= minimum)
    rows, columns = np.divmod(found, agreement.shape[1])
    most = min(_MAX_PER_ROW, agreement.shape[1])
    if len(rows) <= most * len(agreement):
        return rows, columns
    columns = np.argpartition(agreement, -most, axis=1)[:, -most:].ravel()
    rows = np.repeat(np.arange(len(agreement)), most)
    kept = agreement[rows, columns] >= minimum
    return rows[kept], columns[kept]


def _explained(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Correlation of each wanted picture with a regression on the given."""
    down, right = np.gradient(given, axis=(1, 2))
    causes = np.stack([_centred(x) for x in (given, right, down)], axis=1)
    effect = _centred(wanted)[..., None]
    products = causes @ causes.transpose(0, 2, 1)
    # a picture without any slope must not divide by 0
    ridge = 1e-6 * np.trace(products, axis1=1, axis2=2) + 1e-6
    products += ridge[:, None, None] * np.eye(3, dtype=np.float32)
    shared = causes @ effect
    weights = np.linalg.solve(products, shared)
    ratio = (weights * shared).sum((1, 2)) / ((effect**2).sum((1, 2)) + 1e-6)
    # a negative is no duplicate
    return np.sqrt(np.clip(ratio, 0, 1)) * (weights[:, 0, 0] > 0)


def _centred(pictures: np.ndarray) -> np.ndarray:
    inner = pictures[:, 1:-1, 1:-1].reshape(len(pictures), -1)
    return inner - inner.mean(axis=1, keepdims=True)
