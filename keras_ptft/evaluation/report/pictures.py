"""Pictures of a page, as text that is embedded in it."""

import base64
import io
import math

import numpy as np
from matplotlib import colormaps
from PIL import Image

from keras_ptft.evaluation.report.figures import image_png

HEAT = "viridis"
"""The colour map of what counts: its lightness rises all the way, so that
people read it who are blind to some colours, and so does a grey print."""

_SIDE = 128
# smaller ones are drawn as squares, not blurred
_SMALL = 64
_QUALITY = 85
# how much of the colour a pixel gets that counts nothing, and the most
_LEAST, _MOST = 0.15, 0.75


def picture_source(image: np.ndarray) -> str:
    """Returns an image as the `src` of a page.

    Photos are stored as JPEG, which takes a tenth of the room.

    Args:
        image: uint8 of shape (height, width, channels); see `image_png`.
    """
    if is_small(image) or image.shape[-1] == 4:
        return f"data:image/png;base64,{image_png(image)}"
    pixels = image[..., :3] if image.shape[-1] > 2 else image[..., 0]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="jpeg", quality=_QUALITY)
    return f"data:image/jpeg;base64,{_text(file)}"


def is_small(image: np.ndarray) -> bool:
    """Returns whether an image is drawn as squares."""
    return max(image.shape[:2]) < _SMALL


def smaller(image: np.ndarray) -> np.ndarray:
    """Averages blocks of pixels, where an image is large.

    Args:
        image: uint8 of shape (height, width, channels).

    Returns:
        The same where no side is longer than 128 pixels.
    """
    height, width, channels = image.shape
    size = math.ceil(max(height, width) / _SIDE)
    rows, columns = height // size, width // size
    if size == 1 or not rows or not columns:
        return image
    blocks = image[: rows * size, : columns * size].reshape(
        rows, size, columns, size, channels
    )
    return np.round(blocks.mean(axis=(1, 3))).astype(np.uint8)


def heat_source(image: np.ndarray, heat: np.ndarray) -> str:
    """Lays a map of what counts over a grey picture.

    Args:
        image: uint8 of shape (height, width, channels).
        heat: float of shape (rows, columns), spread over the image; what
            is below 0, or not finite, counts as 0.

    Returns:
        The `src` of a page.
    """
    grey = _grey(image)
    height, width = grey.shape
    times = max(1, _SMALL // max(height, width))
    grey = np.repeat(np.repeat(grey, times, axis=0), times, axis=1)
    shares = _spread(heat, grey.shape)[..., None]
    colors = colormaps[HEAT](shares[..., 0])[..., :3]
    alpha = _LEAST + (_MOST - _LEAST) * shares
    mixed = (1 - alpha) * grey[..., None] + alpha * colors * 255
    return picture_source(np.round(mixed).astype(np.uint8))


def _spread(heat: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A map from 0 to 1 in the size of a picture, without edges."""
    finite = np.where(np.isfinite(heat), heat, 0.0)
    positive = np.maximum(finite, 0.0).astype(np.float32)
    highest = positive.max(initial=0.0)
    if highest > 0:
        positive /= highest
    rows, columns = shape
    spread = Image.fromarray(positive).resize(
        (columns, rows), Image.Resampling.BILINEAR
    )
    return np.clip(np.asarray(spread), 0.0, 1.0)


def _grey(image: np.ndarray) -> np.ndarray:
    """The luminance of a picture, of shape (height, width)."""
    if image.shape[-1] < 3:
        return image[..., 0].astype(np.float64)
    return image[..., :3] @ np.array([0.299, 0.587, 0.114])


def _text(file: io.BytesIO) -> str:
    return base64.b64encode(file.getvalue()).decode("ascii")
