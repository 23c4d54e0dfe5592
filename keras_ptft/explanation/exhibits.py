"""Test examples as a reader is shown them."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source, short_name
from keras_ptft.data.core.info import DataInfo
from keras_ptft.evaluation.report.exhibits import MOST_COLUMNS, Exhibit
from keras_ptft.explanation.judgement import Judgement
from keras_ptft.explanation.method import is_image, is_row


def make_exhibits(
    info: DataInfo, source: Source, judgement: Judgement, chosen: np.ndarray
) -> list[Exhibit]:
    """Returns examples with what the model made of them.

    Args:
        info: what is known of the data.
        source: the examples.
        judgement: of them.
        chosen: indices.
    """
    if not len(chosen):
        return []
    told = [
        Exhibit(
            short_name(source.texts or source, index),
            *judgement.told(index)[:3],
        )
        for index in chosen.tolist()
    ]
    if source.texts is not None:
        return [
            exhibit._replace(text=text)
            for exhibit, text in zip(told, _texts(source, chosen), strict=True)
        ]
    if not is_image(info.spec) and not is_row(info.spec):
        return told
    inputs = source.gather(tf.constant(chosen, tf.int64)).numpy()
    if is_image(info.spec):
        images = zip(told, inputs, strict=True)
        return [exhibit._replace(image=image) for exhibit, image in images]
    return [
        exhibit._replace(columns=named_columns(info, row)[:MOST_COLUMNS])
        for exhibit, row in zip(told, inputs, strict=True)
    ]


def named_columns(info: DataInfo, row: np.ndarray) -> list[tuple[str, float]]:
    """Returns the name and the number of each column of a row.

    Example:

    >>> named_columns(DataInfo(columns=("age",)), np.array([4.0]))
    [('age', 4.0)]
    """
    names: Sequence[str] = info.columns
    if len(names) != len(row):
        names = [f"column {number}" for number in range(1, len(row) + 1)]
    return list(zip(names, row.tolist(), strict=True))


def _texts(source: Source, chosen: np.ndarray) -> list[str]:
    texts = source.texts or source
    found = texts.gather(tf.constant(chosen, tf.int64)).numpy()
    return [text.decode("utf-8", "replace") for text in found]
