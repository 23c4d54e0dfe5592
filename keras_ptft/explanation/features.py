"""The features under a head, laid out in two dimensions."""

from typing import NamedTuple

import keras
import numpy as np

from keras_ptft.data.core.dataset import Source, evenly, take
from keras_ptft.data.core.info import DataInfo
from keras_ptft.evaluation.report.feature_map import FeatureMap
from keras_ptft.explanation.judgement import Judgement
from keras_ptft.models.heads import features_of
from keras_ptft.training.forward import outputs_of

MOST = 2000
"""Examples on the map."""

FEWEST = 50
"""With fewer of many there is no shape to be seen."""


class Marks(NamedTuple):
    """How examples are marked on a map.

    Attributes:
        groups: the class of each, int64 of shape (examples,); of no classes
            all 0.
        wrong: bool of shape (examples,), where the model is wrong.
    """

    groups: np.ndarray
    wrong: np.ndarray


def feature_layers(model: keras.Model) -> keras.Model | None:
    """Returns the part of a model that gives the features of its head.

    Args:
        model: functional.

    Returns:
        Model to features of shape (batch, width), at least 2 wide; None
        where the head is another.
    """
    features = features_of(model)
    is_wide = features is not None and features.output_shape[-1] > 1
    return features if is_wide else None


def feature_map(
    features: keras.Model,
    info: DataInfo,
    source: Source,
    judgement: Judgement,
    count: int,
) -> FeatureMap | None:
    """Lays out the features of test examples by PCA.

    PCA keeps distances as far as two directions can, and its share of the
    variance says how far that is; t-SNE is slower, and shows clusters where
    there are none.

    Args:
        features: as returned by `feature_layers`.
        info: what is known of the data.
        source: the examples.
        judgement: of them.
        count: of how many, evenly chosen.

    Returns:
        None where features are all the same, or no numbers.
    """
    chosen = evenly(len(source), count)
    rows = outputs_of(features, take(source, chosen))
    marks = Marks(judgement.groups, judgement.wrong)
    return lay_out(rows, info, source, marks, chosen)


def lay_out(
    rows: np.ndarray,
    info: DataInfo,
    source: Source,
    marks: Marks,
    chosen: np.ndarray,
) -> FeatureMap | None:
    """Lays out features by PCA; see `feature_map`.

    Args:
        rows: those of the chosen examples, float of shape (chosen, width).
        info: what is known of the data.
        source: the examples.
        marks: of them all.
        chosen: indices of some of them.
    """
    rows = rows.astype(np.float64)
    if len(rows) < 3 or rows.shape[1] < 2 or not np.isfinite(rows).all():
        return None
    if not np.ptp(rows, axis=0).any():
        return None
    # it takes half a second to import
    from sklearn.decomposition import PCA

    analysis = PCA(2, svd_solver="randomized", random_state=0)
    points = analysis.fit_transform(rows)
    first, second = analysis.explained_variance_ratio_.tolist()
    values = source.values
    is_number = values is not None and values.ndim == 1
    return FeatureMap(
        points,
        (first, second),
        features=rows.shape[1],
        total=len(source),
        groups=marks.groups[chosen],
        # of sets no example has one color
        names=info.label_names if values is None else (),
        wrong=marks.wrong[chosen],
        values=values[chosen] if values is not None and is_number else None,
        target=info.target.name,
    )
