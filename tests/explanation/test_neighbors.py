"""Features where no head gives labels: a map, and what is near what."""

import numpy as np

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.evaluation.evaluation import Features
from keras_ptft.evaluation.feature_quality import Known, nearest, scores_of
from keras_ptft.explanation.neighbors import feature_insight

NAMES = ("cat", "dog")


def images(count, first, labels):
    """Grey images that are known by their value."""
    pixels = np.arange(first, first + count, dtype=np.uint8)
    pixels = np.tile(pixels[:, None, None, None], (1, 4, 4, 1))
    return ArraySource(pixels, labels, name="image")


TRAIN = images(4, 100, [0, 0, 1, 1])
TEST = images(3, 0, [1, 1, 0])
# of the training split, examples 3, 1 and 0 are known
KNOWN = Known(
    np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 4.0]]),
    np.array([1, 0, 0]),
    np.array([3, 1, 0]),
)
FEATURES = Features(np.array([[5.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), KNOWN)


def test_nearest_by_hand():
    order, cosines = nearest(FEATURES.rows, KNOWN.rows, 2)
    assert order.tolist() == [[0, 2], [1, 2], [2, 0]]
    root = np.sqrt(0.5)
    expected = [[1.0, 0.6], [1.0, 0.8], [1.4 * root, root]]
    np.testing.assert_allclose(cosines, expected)
    assert nearest(FEATURES.rows, KNOWN.rows, 9)[0].shape == (3, 3)


def test_each_image_has_the_training_images_that_are_nearest():
    info = DataInfo(TRAIN.spec, NAMES)
    splits = {"train": TRAIN, "test": TEST}
    told = feature_insight(info, splits, FEATURES)
    # the first of each class, then the others
    assert [e.original.label for e in told.nearest] == ["cat", "dog", "dog"]
    assert [e.original.image[0, 0, 0] for e in told.nearest] == [2, 0, 1]
    dog = told.nearest[1]
    assert [view.image[0, 0, 0] for view in dog.views] == [103, 100, 101]
    assert [view.label for view in dog.views] == [
        *("dog, 1.00", "cat, 0.60", "cat, 0.00"),
    ]
    assert not told.worst and not told.explained


def test_the_map_has_all_examples_and_no_mistakes():
    splits = {"train": TRAIN, "test": TEST}
    found = feature_insight(
        DataInfo(TRAIN.spec, NAMES), splits, FEATURES
    ).feature_map
    assert found.points.shape == (3, 2) and found.total == 3
    assert found.groups.tolist() == [1, 1, 0] and found.names == NAMES
    assert not found.wrong.any()


def test_without_labels_there_are_cosines_alone():
    told = feature_insight(
        DataInfo(TRAIN.spec),
        {"train": TRAIN, "test": images(3, 0, [0, 0, 0])},
        FEATURES,
    )
    assert told.feature_map.names == ()
    assert told.nearest[0].original.label == ""
    assert told.nearest[0].views[0].label == "1.00"


def test_features_that_are_all_the_same_have_no_map():
    same = FEATURES._replace(rows=np.ones((3, 2)))
    told = feature_insight(
        DataInfo(TRAIN.spec), {"train": TRAIN, "test": TEST}, same
    )
    assert told.feature_map is None and len(told.nearest) == 3


def test_neighbours_judge_where_there_are_labels():
    labels = np.array([1, 0, 0])
    assert "knn_accuracy" not in scores_of(FEATURES.rows, labels, None)
    found = scores_of(FEATURES.rows, labels, KNOWN)
    # near are 1 dog and 2 cats: by exp(cosine / 0.07) the nearest decides
    assert found["knn_accuracy"] == 1.0
