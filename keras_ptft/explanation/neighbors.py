"""What features tell of examples where no head gives labels."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source, evenly, some_of_each
from keras_ptft.data.core.info import DataInfo
from keras_ptft.evaluation.evaluation import Features
from keras_ptft.evaluation.feature_quality import nearest
from keras_ptft.evaluation.report.exhibits import Insight
from keras_ptft.evaluation.report.views import (
    ShownExample,
    View,
    label_texts,
)
from keras_ptft.explanation.features import MOST, Marks, lay_out
from keras_ptft.explanation.method import is_image

_EXAMPLES = 6
_NEIGHBORS = 5


def feature_insight(
    info: DataInfo, splits: Mapping[str, Source], features: Features
) -> Insight:
    """Lays features out, and finds what is near some test images.

    Args:
        info: what is known of the data.
        splits: "train" and "test".
        features: of the test split, beside those of training examples.
    """
    test = splits["test"]
    chosen = evenly(len(test), MOST)
    marks = Marks(test.labels, np.zeros(len(test), bool))
    found = lay_out(features.rows[chosen], info, test, marks, chosen)
    near = _nearest(info, splits, features) if is_image(info.spec) else []
    return Insight("", "", (), feature_map=found, nearest=near)


def _nearest(
    info: DataInfo, splits: Mapping[str, Source], features: Features
) -> list[ShownExample]:
    """A few test images, each with the training images nearest to it."""
    train, test = splits["train"], splits["test"]
    chosen = some_of_each(test.labels, _EXAMPLES)
    rows, known = features.rows[chosen], features.known
    near, cosines = nearest(rows, known.rows, _NEIGHBORS)
    originals = _views(info, test, chosen)
    shown = []
    for original, at, alike in zip(originals, near, cosines, strict=True):
        views = _views(info, train, known.indices[at])
        told = [
            view._replace(label=_told(view.label, cosine))
            for view, cosine in zip(views, alike.tolist(), strict=True)
        ]
        shown.append(ShownExample(original, told))
    return shown


def _told(label: str, cosine: float) -> str:
    return f"{label}, {cosine:.2f}" if label else f"{cosine:.2f}"


def _views(info: DataInfo, source: Source, chosen: np.ndarray) -> list[View]:
    images = source.gather(tf.constant(chosen, tf.int64)).numpy()
    names = info.label_names if source.values is None else ()
    return list(map(View, images, label_texts(source.labels[chosen], names)))
