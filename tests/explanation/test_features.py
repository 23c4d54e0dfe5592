"""Features in two dimensions."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import NUMBERS, SETS, Target
from keras_ptft.explanation.features import feature_layers, feature_map
from keras_ptft.explanation.judgement import JUDGEMENTS


def source(rows, labels=None, **settings):
    return ArraySource(
        np.array(rows, np.float32), labels, name="vector", **settings
    )


def model(width, head="logits", outputs=2):
    inputs = keras.Input((width,))
    features = layers.Identity(name="features")(inputs)
    return keras.Model(inputs, layers.Dense(outputs, name=head)(features))


def mapped(examples, info, answers, count=100):
    judgement = JUDGEMENTS[info.label_kind](info, examples, answers, {})
    width = examples.spec.shape[0]
    layers = feature_layers(model(width))
    return feature_map(layers, info, examples, judgement, count)


def test_points_keep_their_distances_in_a_plane():
    # a rectangle of 6 by 2 that lies askew in 3 dimensions
    plane = np.array([[0, 0], [6, 0], [6, 2], [0, 2]], float)
    directions = np.array([[0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    examples = source(plane @ directions + 5, [0, 0, 1, 1])
    info = DataInfo(label_names=("a", "b"))
    answers = np.array([[1, 0], [0, 1], [0, 1], [0, 1]], float)
    found = mapped(examples, info, answers)
    assert found.variance == pytest.approx((0.9, 0.1), abs=1e-5)
    distances = np.linalg.norm(found.points[:, None] - found.points, axis=-1)
    expected = np.linalg.norm(plane[:, None] - plane, axis=-1)
    np.testing.assert_allclose(distances, expected, atol=1e-5)
    assert found.features == 3 and found.total == 4
    assert found.groups.tolist() == [0, 0, 1, 1] and found.names == ("a", "b")
    assert found.wrong.tolist() == [False, True, False, False]


def test_some_of_many_are_laid_out_evenly():
    rows = np.random.default_rng(0).normal(size=(101, 4))
    examples = source(rows, np.arange(101) % 2)
    info = DataInfo(label_names=("a", "b"))
    found = mapped(examples, info, np.eye(2)[np.arange(101) % 2], count=11)
    again = mapped(examples, info, np.eye(2)[np.arange(101) % 2], count=11)
    assert found.points.shape == (11, 2) and found.total == 101
    assert found.groups.tolist() == [0] * 11
    assert np.array_equal(found.points, again.points)


def test_numbers_and_sets_have_no_classes():
    rows = np.random.default_rng(0).normal(size=(4, 3))
    info = DataInfo(label_kind=NUMBERS, target=Target(name="price"))
    examples = source(rows, values=[1.0, 2.0, 3.0, 4.0])
    found = mapped(examples, info, np.zeros((4, 1)))
    assert found.values.tolist() == [1, 2, 3, 4] and found.target == "price"
    assert not found.names and not found.wrong.any()
    info = DataInfo(label_names=("a", "b"), label_kind=SETS)
    examples = source(rows, values=np.eye(4)[:, :2])
    found = mapped(examples, info, np.full((4, 2), -9.0))
    assert found.values is None and not found.names
    assert found.wrong.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    "rows",
    [
        np.ones((4, 3)),
        [[1, 2, 3]] * 4,
        [[1, 2], [3, 4]],
        np.full((4, 3), np.nan),
    ],
)
def test_features_without_a_shape_are_not_laid_out(rows):
    labels = np.arange(len(rows)) % 2
    info = DataInfo(label_names=("a", "b"))
    assert mapped(source(rows, labels), info, np.eye(2)[labels]) is None


def test_the_head_is_found_by_its_first_layer():
    assert feature_layers(model(3)).output_shape == (None, 3)
    numbers = feature_layers(model(3, "standardised", 1))
    assert numbers.output_shape == (None, 3)
    assert feature_layers(model(3, "another")) is None
    # one number has no second dimension
    assert feature_layers(model(1)) is None
