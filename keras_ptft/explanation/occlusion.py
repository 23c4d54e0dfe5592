"""What an answer loses where a part of the input is covered."""

import numpy as np
import tensorflow as tf

from keras_ptft.data.pipeline.moments import moments
from keras_ptft.explanation.method import (
    Prepared,
    Subject,
    is_image,
    is_row,
    scores_of,
)

# patches along each side of an image
_PATCHES = 7


def occluded_patches(subject: Subject) -> Prepared | None:
    """Covers one patch of an image after another.

    Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional
    Networks", section 4.2. The cover has the mean colour of the image.

    Returns:
        What explains an answer by what it loses, of shape (rows, columns);
        None where the model does not take images.
    """
    if not is_image(subject.info.spec):
        return None

    def explain(example: tf.Tensor, output: int) -> np.ndarray:
        image = np.asarray(example)[0]
        color = image.mean(axis=(0, 1)).round().astype(image.dtype)
        rows, columns = (_spans(side) for side in image.shape[:2])
        covered = [image]
        for top, bottom in rows:
            for left, right in columns:
                covered.append(image.copy())
                covered[-1][top:bottom, left:right] = color
        scores = scores_of(subject, np.stack(covered), output)
        losses = scores[0] - scores[1:]
        return losses.reshape(len(rows), len(columns))

    return Prepared(explain, _PATCHES**2 + 1)


def replaced_columns(subject: Subject) -> Prepared | None:
    """Replaces one number of a row after another by its training mean.

    Returns:
        What explains an answer by what it loses, of shape (columns,); None
        where the model does not take rows of numbers.
    """
    if not is_row(subject.info.spec):
        return None
    mean = moments(subject.train)[0]

    def explain(example: tf.Tensor, output: int) -> np.ndarray:
        row = np.asarray(example)
        replaced = np.repeat(row, len(mean), axis=0)
        np.fill_diagonal(replaced, mean)
        rows = np.concatenate([row, replaced])
        scores = scores_of(subject, rows, output)
        return scores[0] - scores[1:]

    return Prepared(explain, len(mean) + 1)


def _spans(side: int) -> list[tuple[int, int]]:
    """Divides a side into parts that are as long as each other or nearly."""
    edges = np.linspace(0, side, min(_PATCHES, side) + 1).round().astype(int)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
