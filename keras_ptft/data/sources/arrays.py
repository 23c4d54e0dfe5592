"""Arrays as examples, and the bundled digits."""

import numpy as np

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.core.hashing import content_hashes
from keras_ptft.data.core.info import STRETCH
from keras_ptft.data.images.resize import (
    check_resize,
    encoding_of,
    resize_images,
)
from keras_ptft.errors import UserError

_CHUNK = 1024
# as MNIST, which the usual networks are made for
_DIGITS_SIZE = 28


def digits(loading: Loading, /) -> Dataset:
    """1,797 handwritten digits, 8×8 grey, bundled with scikit-learn.

    They are enlarged to the image size, 28 unless set, as uint8 of shape
    (size, size, 1), and split 80/20 by content.
    """
    from sklearn.datasets import load_digits

    loading.refuse(
        "digits",
        *("group_column", "group_pattern", "image_column", "image_root"),
    )
    bundled = load_digits()
    # they range from 0 to 16
    images = np.rint(bundled.images[..., None] * 255 / 16).astype(np.uint8)
    size = loading.image_size or _DIGITS_SIZE
    form = loading.image_form
    source = sized_source(images, bundled.target, size, "image", form.resize)
    return Dataset({"train": source}, tuple("0123456789"), image_form=form)


def as_input(array: np.ndarray, what: str) -> tuple[np.ndarray, str]:
    """Converts an array to what models take, and names their input.

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
    is_image = array.dtype == np.uint8 and array.ndim in (3, 4)
    if array.dtype != np.uint8 or array.ndim == 2:
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
        _check_finite(array, what)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim == 2:
        return array, "vector"
    return array, "image" if is_image else "array"


def sized_source(
    array: np.ndarray,
    labels: np.ndarray,
    size: int,
    name: str,
    resize: str = STRETCH,
) -> ArraySource:
    """Makes a source of arrays, with images resized once.

    Args:
        array: of shape (examples, ...).
        labels: integers of shape (examples,).
        size: side that images, which have rank 4, are resized to; 0: keep.
        name: of the model's input.
        resize: how they become squares, an entry of `RESIZES`.

    Returns:
        The source, with hashes of the arrays as given.

    Raises:
        UserError: images are to become squares of no size.
    """
    hashes = content_hashes(array)
    if array.ndim == 4:
        check_resize(resize, size)
        array = _resized(array, size, resize) if size else array
    source = ArraySource(array, labels, hashes, name)
    source.encoding = encoding_of(resize)
    return source


def _resized(array: np.ndarray, size: int, resize: str) -> np.ndarray:
    starts = range(0, len(array), _CHUNK)
    chunks = (array[start : start + _CHUNK] for start in starts)
    return np.concatenate([resize_images(c, size, resize) for c in chunks])


def _check_finite(array: np.ndarray, what: str) -> None:
    finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not finite.all():
        raise UserError(
            f"{what} must be finite in float32, got NaN or infinity at "
            f"example {int(np.argmin(finite))}: clean the data."
        )
