"""Where a convolutional network is cut."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_ptft.data.core.dataset import Dataset
from keras_ptft.explanation.spatial import halves
from keras_ptft.models.mlp import mlp
from keras_ptft.models.resnet import resnet
from keras_ptft.models.rnn import rnn
from keras_ptft.models.vit import vit
from tests.explanation.models import classifier, images, network


def check(model, places):
    """The halves make the whole; the maps have so many places."""
    front, back = halves(model)
    assert front.output_shape[1:3] == places
    inputs = images().gather([0, 1, 2])
    np.testing.assert_allclose(
        back(front(inputs)), model(inputs), rtol=1e-5, atol=1e-6
    )


def test_the_last_maps_before_the_head_are_found():
    body = [
        layers.Conv2D(3, 3, activation="relu"),
        layers.Conv2D(4, 3, name="last"),
        layers.Dropout(0.5),
        layers.Flatten(),
    ]
    check(network(*body), (4, 4))


def test_of_maps_that_shrink_the_last_with_places_counts():
    body = [layers.Conv2D(3, 3), layers.MaxPooling2D(3), layers.Flatten()]
    check(network(*body), (6, 6))


def test_a_residual_branch_is_no_cut():
    model = classifier(
        resnet, Dataset({"train": images()}, ("a", "b")), blocks=1
    )
    # two stages halve the 8 pixels; 2 by 2 is too few
    check(model, (4, 4))


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("is_pooled", [True, False])
def test_a_backbone_may_be_a_layer(depth, is_pooled):
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(3, 3, activation="relu", name="maps")(image)
    if is_pooled:
        x = layers.GlobalMaxPooling2D()(x)
    inner = keras.Model(image, x)
    for _ in range(depth - 1):
        outer = keras.Input((8, 8, 1))
        inner = keras.Model(outer, inner(outer))
    last = [] if is_pooled else [layers.Flatten()]
    check(network(inner, *last), (6, 6))


def test_sequential_models_within_are_cut_too():
    body = keras.Sequential([layers.Conv2D(3, 3), layers.Flatten()])
    check(network(body), (6, 6))


@pytest.mark.parametrize(
    "make, settings",
    [
        (mlp, {}),
        (vit, {"width": 8, "depth": 1, "heads": 1, "patch": 2}),
        (rnn, {"units": 4}),
    ],
)
def test_what_mixes_places_has_no_maps(make, settings):
    dataset = Dataset({"train": images()}, ("a", "b"))
    assert halves(classifier(make, dataset, **settings)) is None


def test_several_inputs_have_no_maps():
    left, right = (
        keras.Input((8, 8, 1), name=name) for name in ("left", "right")
    )
    x = layers.Conv2D(2, 3)(layers.Add()([left, right]))
    outputs = layers.Dense(2)(layers.Flatten()(x))
    assert halves(keras.Model({"left": left, "right": right}, outputs)) is None
