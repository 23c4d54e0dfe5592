"""Examples held as one array, and the bundled digits."""

import hashlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_ptft.data.dataset import Dataset, Loading
from keras_ptft.data.splits import split_test
from keras_ptft.data.transforms import resize_images
from keras_ptft.errors import UserError

_CHUNK = 1024
# as MNIST, which the usual networks are made for
_DIGITS_SIZE = 28


class ArraySource:
    """Examples that stand in one array, in memory or mapped from disk.

    Args:
        inputs: array of shape (examples, ...); a `np.memmap` is read as
            rows are asked for, any other is held as a tensor.
        labels: integers of shape (examples,).
        hashes: uint64 of shape (examples,); default: of `inputs`.
        name: of the model's input: "image", "vector" or "array".

    Example:

    >>> source = ArraySource(np.eye(3, dtype=np.float32), [0, 1, 2])
    >>> source.gather(tf.constant([2, 0], tf.int64)).numpy().tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    def __init__(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        hashes: np.ndarray | None = None,
        name: str = "image",
    ) -> None:
        self.labels = np.asarray(labels, np.int64)
        self.hashes = content_hashes(inputs) if hashes is None else hashes
        self.spec = tf.TensorSpec(inputs.shape[1:], inputs.dtype, name)
        self._rows = row_reader(inputs)

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Inputs of shape (batch, *spec.shape)."""
        return self._rows(indices)


def row_reader(array: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """Numbers → rows of an array, by TensorFlow operations.

    Args:
        array: a `np.memmap` is read as rows are asked for, any other is
            held as a tensor.
    """
    if not isinstance(array, np.memmap):
        # rows are gathered by the host, also where there is a GPU
        with tf.device("CPU:0"):
            held = tf.constant(array)
        return lambda indices: tf.gather(held, indices)

    def read(indices: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array[indices])

    def rows(indices: tf.Tensor) -> tf.Tensor:
        found = tf.numpy_function(read, [indices], array.dtype)
        return tf.ensure_shape(found, [*indices.shape, *array.shape[1:]])

    return rows


def content_hash(content) -> np.uint64:
    """First 64 bits of the BLAKE2b digest of bytes or of a C array."""
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def content_hashes(array: np.ndarray) -> np.ndarray:
    """The `content_hash` of each row's bytes, uint64 of shape (rows,)."""
    rows = (content_hash(np.ascontiguousarray(row)) for row in array)
    return np.fromiter(rows, np.uint64, len(array))


def digits(loading: Loading, /) -> Dataset:
    """1,797 handwritten digits, 8×8 grey, bundled with scikit-learn.

    They are enlarged to the image size, 28 unless set, as uint8 of shape
    (size, size, 1), and split 80/20 by content.
    """
    from sklearn.datasets import load_digits

    bundled = load_digits()
    # 16 is the darkest ink there
    images = np.rint(bundled.images[..., None] * 255 / 16).astype(np.uint8)
    size = loading.image_size or _DIGITS_SIZE
    source = sized_source(images, bundled.target, size, "image")
    return split_test(source, tuple("0123456789"), 0.2)


def as_input(array: np.ndarray, what: str) -> tuple[np.ndarray, str]:
    """An array as models take it, and the name of their input.

    Args:
        array: numbers of shape (examples, ...).
        what: the array, as an error names it.

    Returns:
        uint8 images of rank 4 and "image", float32 vectors of rank 2 and
        "vector", or any other, float32 unless uint8, and "array".

    Raises:
        UserError: no numbers, no examples, too few axes, NaN or infinity.
    """
    if array.dtype.kind not in "biuf" or array.ndim < 2 or not array.size:
        raise UserError(
            f"{what} must hold numbers of shape (examples, ...), got "
            f"{array.dtype} of shape {array.shape}: save it as such."
        )
    image = array.dtype == np.uint8 and array.ndim in (3, 4)
    if array.dtype != np.uint8 or array.ndim == 2:
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
        _check_finite(array, what)
    if array.ndim == 3:
        array = array[..., None]
    return array, {2: "vector"}.get(array.ndim, "image" if image else "array")


def name_labels(labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers labels by the sorted order of their values.

    Example:

    >>> name_labels(np.array(["dog", "cat", "dog"]))
    (array([1, 0, 1]), ('cat', 'dog'))
    """
    values, indices = np.unique(labels, return_inverse=True)
    return indices.astype(np.int64), tuple(str(value) for value in values)


def sized_source(
    array: np.ndarray, labels: np.ndarray, size: int, name: str
) -> ArraySource:
    """A source of arrays, images resized once; hashes are of what came."""
    hashes = content_hashes(array)
    if size and array.ndim == 4:
        starts = range(0, len(array), _CHUNK)
        chunks = (array[start : start + _CHUNK] for start in starts)
        array = np.concatenate([resize_images(c, size) for c in chunks])
    return ArraySource(array, labels, hashes, name)


def _check_finite(array: np.ndarray, what: str) -> None:
    finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not finite.all():
        raise UserError(
            f"{what} must be finite in float32, got NaN or infinity at "
            f"example {int(np.argmin(finite))}: clean the data."
        )
