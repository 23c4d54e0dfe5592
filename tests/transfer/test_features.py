"""Features of the frozen part are what the model would compute."""

import keras
import numpy as np
import pytest

from keras_ptft.data.dataset import take
from keras_ptft.transfer.cut import split
from keras_ptft.transfer.features import cache_features, outputs_of


@pytest.mark.parametrize("batch_size", [1, 7, 100, 256])
def test_each_example_once_in_order(digits, make_model, batch_size):
    model, _ = make_model("cnn(filters=[4], dense=5, dropout=0.5)")
    some = take(digits.splits["test"], np.arange(100)[::-1])
    outputs = outputs_of(model, some, batch_size=batch_size)
    expected = model(some.gather(np.arange(100)), training=False)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_nothing_gives_no_outputs(digits, make_model):
    nothing = take(digits.splits["test"], np.array([], np.int64))
    assert outputs_of(make_model()[0], nothing).shape == (0, 10)


def test_half_precision_stays_half(digits, make_backbone):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        backbone = make_backbone()
    finally:
        keras.config.set_dtype_policy("float32")
    outputs = outputs_of(backbone, take(digits.splits["test"], np.arange(3)))
    assert outputs.dtype.name == "bfloat16"


def test_features_stand_for_the_images(digits, make_model):
    model, backbone = make_model()
    prefix, suffix = split(model, backbone, "conv2")
    cached = cache_features(prefix, digits.splits, limit_gb=1.0)
    assert cached.keys() == digits.splits.keys()
    for name, source in digits.splits.items():
        features = cached[name]
        np.testing.assert_array_equal(features.labels, source.labels)
        np.testing.assert_array_equal(features.hashes, source.hashes)
        assert features.spec.shape == prefix.output_shape[1:]
        np.testing.assert_allclose(
            outputs_of(suffix, features), outputs_of(model, source), atol=1e-5
        )


def test_too_many_features_are_not_kept(digits, make_model):
    prefix, _ = split(*make_model(), "all")
    examples = sum(len(source) for source in digits.splits.values())
    needed = examples * 5 * 4 / 1e9
    sources = digits.splits
    assert cache_features(prefix, sources, limit_gb=needed * 1.01)
    assert cache_features(prefix, sources, limit_gb=needed * 0.99) is None
