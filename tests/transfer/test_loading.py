"""What is transferred is what the report says."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.transfer import loading


def weights(model):
    return {w.path: w.numpy() for w in model.weights}


def test_everything_matches_in_the_same_architecture(make_backbone):
    old, new = make_backbone(seed=1), make_backbone(seed=2)
    report = loading.transfer_weights(old, new, least=1.0)
    assert report.matched == ("conv1_conv", "conv2_conv", "features_dense")
    assert report.reshaped == report.missing == report.unused == ()
    assert report.share == 1.0
    for path, value in weights(old).items():
        np.testing.assert_array_equal(value, weights(new)[path])


def test_each_kind_of_layer_is_reported(make_backbone):
    old = make_backbone("cnn(filters=[4, 6], dense=5)", seed=1)
    new = make_backbone("cnn(filters=[4, 6], dense=7, batch_norm=True)", seed=2)
    before = weights(new)
    # conv kernels with a bias do not fit those without one
    report = loading.transfer_weights(old, new, least=0.0)
    assert report.matched == ()
    assert report.reshaped == ("conv1_conv", "conv2_conv", "features_dense")
    assert report.missing == ("conv1_bn", "conv2_bn")
    assert report.share == 0.0
    for path, value in weights(new).items():
        np.testing.assert_array_equal(value, before[path])


def test_share_of_the_parameters(make_backbone):
    old = make_backbone("cnn(filters=[4, 6], dense=5)", seed=1)
    new = make_backbone("cnn(filters=[4], pool=1, dense=5)", seed=2)
    report = loading.transfer_weights(old, new, least=0.0)
    # 3*3*1*4 + 4 = 40 parameters of conv1; dense 6*6*4*5 + 5 = 725
    assert report.matched == ("conv1_conv",)
    assert report.reshaped == ("features_dense",)
    assert report.unused == ("conv2_conv",)
    assert report.share == pytest.approx(40 / 765)
    assert str(report).startswith("5.2% of the backbone's parameters")


def test_too_little_transferred(make_backbone):
    old = make_backbone("mlp(hidden=[5])")
    with pytest.raises(UserError, match=r"Only 0\.0%.*at least 50\.0%: use"):
        loading.transfer_weights(old, make_backbone(), least=0.5)


def test_a_saved_backbone_computes_the_same(make_backbone, tmp_path):
    backbone = make_backbone("cnn(filters=[4], dense=5, batch_norm=True)")
    backbone.save(tmp_path / "backbone.keras")
    loaded = loading.load_backbone(tmp_path / "backbone.keras")
    images = np.arange(128, dtype=np.uint8).reshape(2, 8, 8, 1)
    np.testing.assert_array_equal(loaded(images), backbone(images))


def test_a_whole_classifier_is_read_as_its_backbone(make_model, tmp_path):
    model, backbone = make_model()
    model.save(tmp_path / "model.keras")
    loaded = loading.load_backbone(tmp_path / "model.keras")
    images = np.arange(128, dtype=np.uint8).reshape(2, 8, 8, 1)
    np.testing.assert_array_equal(loaded(images), backbone(images))


def test_files_that_cannot_be_loaded(make_backbone, tmp_path):
    whole = tmp_path / "whole.keras"
    make_backbone().save(whole)
    truncated = tmp_path / "truncated.keras"
    truncated.write_bytes(whole.read_bytes()[:1000])
    text = tmp_path / "text.keras"
    text.write_text("no model")
    code = tmp_path / "code.keras"
    keras.Sequential(
        [keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2)]
    ).save(code)
    for path in (truncated, text, code):
        with pytest.raises(UserError) as caught:
            loading.load_backbone(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


def test_two_outputs_must_be_named(tmp_path):
    inputs = keras.Input((2,))
    keras.Model(inputs, [inputs * 2.0, inputs * 3.0]).save(tmp_path / "m.keras")
    with pytest.raises(UserError, match="several must be named: rebuild"):
        loading.load_backbone(tmp_path / "m.keras")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (tf.TensorSpec((9, 9, 1), tf.uint8), "uint8 .9, 9, 1.: set --image"),
        (tf.TensorSpec((8, 8, 1), tf.float32), "this data set has float32"),
        (tf.TensorSpec((8, 8, 3), tf.uint8), r"inputs of shape \(8, 8, 1\)"),
        ({"a": tf.TensorSpec((8, 8, 1), tf.uint8)}, "has inputs named a: pre"),
    ],
)
def test_other_inputs_are_refused(make_backbone, spec, message):
    backbone = make_backbone()
    loading.check_input(backbone, tf.TensorSpec((8, 8, 1), tf.uint8))
    with pytest.raises(UserError, match=message):
        loading.check_input(backbone, spec)


def test_named_inputs_are_compared_by_name():
    inputs = {name: keras.Input((2,), name=name) for name in ("b", "a")}
    backbone = keras.Model(inputs, keras.layers.Add()([*inputs.values()]))
    right = {name: tf.TensorSpec((2,), tf.float32) for name in ("a", "b")}
    loading.check_input(backbone, right)
    with pytest.raises(UserError, match=r"float32 inputs 'b' of shape \(2,\)"):
        loading.check_input(backbone, right | {"b": tf.TensorSpec((3,))})
    with pytest.raises(UserError, match="takes inputs named a, b, this data"):
        loading.check_input(backbone, right["a"])


def test_several_named_outputs_are_features(tmp_path):
    inputs = keras.Input((2,))
    outputs = {"features": inputs * 2.0, "sequence": inputs[:, None]}
    keras.Model(inputs, outputs).save(tmp_path / "m.keras")
    loaded = loading.load_backbone(tmp_path / "m.keras")
    assert loaded.output.keys() == outputs.keys()


def test_one_output_must_be_a_vector(tmp_path):
    inputs = keras.Input((2,))
    keras.Model(inputs, inputs[:, None]).save(tmp_path / "m.keras")
    with pytest.raises(UserError, match=r"give features of shape .*, got"):
        loading.load_backbone(tmp_path / "m.keras")


def test_a_fresh_copy_has_the_architecture_and_other_weights(make_backbone):
    spec = "cnn(filters=[4], dense=5, batch_norm=True, dropout=0.1)"
    backbone = make_backbone(spec)
    copy = loading.fresh_copy(backbone)
    assert copy.get_config() == backbone.get_config()
    kernels = (m.get_layer("conv1_conv").kernel for m in (backbone, copy))
    first, second = (kernel.numpy() for kernel in kernels)
    assert np.abs(first - second).max() > 0


def test_a_fresh_copy_has_the_precision_of_this_process(make_backbone):
    backbone = make_backbone()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        copy = loading.fresh_copy(backbone)
    finally:
        keras.config.set_dtype_policy("float32")
    assert copy.get_layer("conv1_conv").compute_dtype == "bfloat16"
    assert copy.get_layer("normalization").compute_dtype == "float32"
