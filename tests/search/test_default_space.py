"""What is searched where nobody says what."""

import keras
import pytest
import tensorflow as tf

from keras_ptft.config import Config
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.search.default_space import (
    default_space,
    first_trials,
    values_of,
)
from keras_ptft.search.space import holds


@pytest.fixture(scope="module")
def image_model():
    inputs = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(2, 3, name="conv1_conv")(inputs)
    x = keras.layers.ReLU(name="conv1")(x)
    x = keras.layers.Conv2D(2, 3, name="conv2_conv")(x)
    x = keras.layers.ReLU(name="conv2")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(3, name="features")(x)
    return keras.Model(inputs, x, name="backbone")


def texts(recipe, model):
    return [dimension.text for dimension in default_space(recipe, model)]


def test_a_fine_tuning_of_images(image_model):
    recipe = Config(init_from="a", learning_rate=0.01)
    assert texts(recipe, image_model) == [
        "freeze=all,flatten,none",
        "learning_rate=log(1e-05,0.1)",
        "optimizer=adam,adamw,sgd(momentum=0.9)",
        "augment=none,shift",
    ]
    assert first_trials(recipe, image_model) == [
        ("probe", {"probe": "lbfgs", "freeze": "all"}),
        ("last block", {"freeze": "flatten"}),
        ("whole backbone", {"freeze": "none", "learning_rate": 0.001}),
    ]


def test_the_recipe_s_own_values_are_searched_too(image_model):
    recipe = Config(
        init_from="a",
        freeze="conv1",
        learning_rate=0.5,
        optimizer="sgd(momentum=0.5)",
        augment="shift(padding=1)",
    )
    space = default_space(recipe, image_model)
    assert [dimension.text for dimension in space] == [
        "freeze=all,flatten,none,conv1",
        "learning_rate=log(1e-05,0.5)",
        "optimizer=sgd(momentum=0.5),adamw",
        "augment=none,shift(padding=1)",
    ]
    assert holds(space, values_of(recipe, {}))
    names = {dimension.name for dimension in space}
    for label, settings in first_trials(recipe, image_model):
        assert (set(settings) <= names) is (label != "probe")
        assert holds(space, values_of(recipe, settings))


def test_a_pretraining_freezes_nothing(image_model):
    recipe = Config()
    assert texts(recipe, image_model)[0] == "learning_rate=log(1e-05,0.1)"
    assert first_trials(recipe, image_model) == []


@pytest.mark.parametrize(
    "own", [{"lora": "lora(rank=2)"}, {"unfreeze": "0:all,1:none"}]
)
def test_a_recipe_with_a_way_of_its_own_keeps_it(own, image_model):
    recipe = Config(init_from="a", epochs=2, **own)
    assert not texts(recipe, image_model)[0].startswith("freeze")
    labels = [label for label, _ in first_trials(recipe, image_model)]
    assert labels == ["probe"]


def test_an_optimizer_that_stands_alone(image_model):
    recipe = Config(optimizer="schedule_free_adamw", augment="shift")
    assert texts(recipe, image_model) == [
        "learning_rate=log(1e-05,0.01)",
        "augment=none,shift",
    ]


def test_a_probe_has_no_augmentation(image_model):
    recipe = Config(init_from="a", probe="lbfgs")
    assert "augment" not in " ".join(texts(recipe, image_model))
    labels = [label for label, _ in first_trials(recipe, image_model)]
    assert labels == ["last block", "whole backbone"]


def test_the_last_block_of_a_real_backbone():
    spec = tf.TensorSpec((4,), tf.float32, "vector")
    model = BACKBONES["mlp_small"](BackboneInput(spec))
    (freeze, *_) = default_space(Config(init_from="a"), model)
    (_, cut, _) = freeze.values
    place = [layer.name for layer in model.layers].index(cut)
    # what is after it is one layer with weights
    after = [x.name for x in model.layers[place + 1 :] if x.weights]
    assert len(after) == 1
