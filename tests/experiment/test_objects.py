"""Data sets and models handed over as objects go the whole way."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import keras_ptft
from keras_ptft import ArraySource, Config, Dataset, UserError
from keras_ptft.experiment import stages

SETTINGS = {"epochs": 5, "batch_size": 32, "learning_rate": 0.01}
SETTINGS |= {"explain": False, "jit_compile": "false"}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rows(kept):
    """Digits as two named inputs: their upper and lower halves."""
    digits = load_digits()
    here = np.isin(digits.target, kept)
    pixels = digits.data[here].astype(np.float32)
    labels = digits.target[here] - min(kept)
    test = np.arange(len(labels)) % 5 == 0

    def source(chosen):
        upper, lower = pixels[chosen, :32], pixels[chosen, 32:]
        return ArraySource({"upper": upper, "lower": lower}, labels[chosen])

    splits = {"train": source(~test), "test": source(test)}
    return Dataset(splits, tuple(map(str, kept)))


def two_inputs(seed=0):
    keras.utils.set_random_seed(seed)
    upper = keras.Input((32,), name="upper")
    lower = keras.Input((32,), name="lower")
    x = keras.layers.Concatenate(name="both")([upper, lower])
    x = keras.layers.Rescaling(1 / 16, name="scaled")(x)
    x = keras.layers.Dense(24, "relu", name="hidden")(x)
    features = keras.layers.Dense(16, "relu", name="features")(x)
    return keras.Model({"upper": upper, "lower": lower}, features)


@pytest.mark.slow
def test_named_inputs_through_training_freezing_export_and_prediction():
    first, second = rows(range(5)), rows(range(5, 10))
    config = Config(name="first", **SETTINGS)
    pretrained = stages.pretrain(config, dataset=first, backbone=two_inputs())
    assert pretrained.metrics["test"]["accuracy"] > 0.8
    tuned = stages.finetune(
        config.replace(
            name="second",
            init_from="first",
            freeze="hidden",
            compare_scratch=True,
        ),
        dataset=second,
    )
    assert tuned.metrics["test"]["accuracy"] > 0.5
    assert tuned.audit == {"frozen_variables": 2, "changed": []}
    # features of 24 numbers, the dense layer above, and the head
    assert tuned.trained_parameters == 24 * 16 + 16 + 16 * 5 + 5
    path = keras_ptft.export("runs/second", "saved/digits", dataset=second)
    served = tf.saved_model.load(str(path)).signatures["serving_default"]
    test = second.splits["test"]
    inputs = test.gather(tf.range(9, dtype=tf.int64))
    outputs = served(**inputs)
    np.savez("some.npz", **{k: v.numpy() for k, v in inputs.items()})
    for model in ("runs/second", path):
        found = keras_ptft.predict(model, ["some.npz"])
        best = np.argmax(outputs["probabilities"], axis=1)
        assert [row.label for row in found] == [str(5 + b) for b in best]


@pytest.mark.slow
def test_a_run_with_objects_is_complete_or_another():
    config = Config(name="mine", **{**SETTINGS, "epochs": 1})
    backbone = two_inputs()
    result = stages.pretrain(config, dataset=rows(range(5)), backbone=backbone)
    again = stages.pretrain(config, dataset=rows(range(5)), backbone=backbone)
    assert again == result
    with pytest.raises(UserError, match="backbone that changed since"):
        stages.pretrain(
            config, dataset=rows(range(5)), backbone=two_inputs(seed=1)
        )
    with pytest.raises(UserError, match="handed over as an object: call"):
        keras_ptft.evaluate("runs/mine")
    scores = keras_ptft.evaluate("runs/mine", dataset=rows(range(5)))
    with open("runs/mine/result.json", encoding="utf-8") as file:
        assert json.load(file)["metrics"]["test"] == scores


@pytest.mark.slow
def test_the_model_that_was_handed_over_is_left_as_it_was():
    backbone = two_inputs()
    before = backbone.get_weights()
    config = Config(name="mine", **{**SETTINGS, "epochs": 1})
    stages.pretrain(config, dataset=rows(range(5)), backbone=backbone)
    for old, new in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_pretrained_backbone_without_a_file():
    config = Config(name="mine", freeze="all", **{**SETTINGS, "epochs": 1})
    tuned = stages.finetune(
        config, dataset=rows(range(5)), backbone=two_inputs()
    )
    assert tuned.transfer["share"] == 1.0
    assert tuned.trained_parameters == 16 * 5 + 5


def test_a_data_set_without_training_examples():
    whole = rows(range(5))
    part = {"test": whole.splits["test"]}
    with pytest.raises(UserError, match="must have a train split, got test"):
        stages.pretrain(
            Config(name="x"),
            dataset=Dataset(part, whole.label_names),
            backbone=two_inputs(),
        )


def test_a_data_set_without_a_test_split_is_split():
    whole = rows(range(5))
    part = {"train": whole.splits["train"]}
    result = stages.pretrain(
        Config(name="split", **{**SETTINGS, "epochs": 1, "batch_size": 16}),
        dataset=Dataset(part, whole.label_names, test_fraction=0.3),
        backbone=two_inputs(),
    )
    count = len(whole.splits["train"])
    used = result.data["splits"]
    assert sum(part["used"] for part in used.values()) == count
    assert result.metrics["test"]["examples"] == used["test"]["used"] > 0


def test_a_backbone_that_takes_other_inputs():
    inputs = keras.Input((7,), name="seven")
    features = keras.layers.Dense(4)(inputs)
    with pytest.raises(UserError, match="has inputs named lower, upper"):
        stages.pretrain(
            Config(name="x"),
            dataset=rows(range(5)),
            backbone=keras.Model(inputs, features),
        )
