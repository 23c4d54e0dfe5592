"""Weights that Keras saved go into the same architecture, all or none."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models import heads
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.cnn import cnn
from keras_ptft.models.pretrained.by_name import (
    fill_from_keras,
    is_keras_file,
)

KINDS = ["keras", "weights.h5", "h5"]


def build(filters=(2, 3), scaling=(0.0, 1.0)):
    spec = tf.TensorSpec((28, 28, 1), tf.uint8, "image")
    mean, variance = (np.array([value]) for value in scaling)
    given = BackboneInput(spec, (mean, variance))
    return cnn(given, filters=filters, dense=4, batch_norm=True)


def save(model, path):
    """Saves a model, or its weights, as the path ends."""
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        model.save(path)
    return path


# Keras says that its older format is one
old_format = pytest.mark.filterwarnings("ignore:You are saving your model")


def refusal(backbone, path):
    before = backbone.get_weights()
    with pytest.raises(UserError) as caught:
        fill_from_keras(backbone, path)
    assert all(map(np.array_equal, before, backbone.get_weights()))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", [False, True])
@old_format
def test_the_same_architecture(tmp_path, kind, head):
    source, target = build(), build()
    saved = source
    if head:
        logits = heads.classify(source.output, 3)
        saved = keras.Model(source.input, logits)
    fill_from_keras(target, save(saved, tmp_path / f"x.{kind}"))
    for mine, theirs in zip(target.weights, source.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("kind", KINDS)
@old_format
def test_another_width(tmp_path, kind):
    file = save(build(filters=(2, 5)), tmp_path / f"x.{kind}")
    line = refusal(build(), file)
    assert line.startswith(
        f"The weights of {file} are not those of this model: of its tensors, "
        "6 unfit (conv2_conv/0 of shape (3, 3, 2, 5) here, in place of "
        "(3, 3, 2, 3), conv2_bn/0 of shape (5,) here, in place of (3,), "
    )


@pytest.mark.parametrize("kind", KINDS)
@old_format
def test_another_depth(tmp_path, kind):
    deeper, shallower = build(filters=(2, 3, 3)), build()
    file = save(deeper, tmp_path / f"deeper.{kind}")
    line = refusal(shallower, file)
    # in the order of the file
    assert "5 left over (conv3_" in line and "conv3_conv/0" in line
    file = save(shallower, tmp_path / f"shallower.{kind}")
    assert "5 missing (conv3_conv/0, conv3_bn/0, " in refusal(deeper, file)


def test_another_scaling(tmp_path):
    file = save(build(scaling=(127.0, 128.0)), tmp_path / "x.keras")
    assert refusal(build(), file) == (
        f"The model in {file} scales its inputs in another way than this "
        f"one: use --init_from={file}."
    )
    fill_from_keras(build(scaling=(127.0, 128.0)), file)


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_file(tmp_path, kind):
    file = tmp_path / f"x.{kind}"
    assert "No such file" in refusal(build(), file)
    file.write_bytes(b"something else")
    assert refusal(build(), file).startswith("Cannot read the ")


def replaced(file, **settings):
    """The file with other values for the kernel of the first layer."""
    with h5py.File(file, "r+") as content:
        layer = content["layers/conv2d/vars"]
        del layer["0"]
        layer.create_dataset("0", dtype="float32", **settings)
    return file


def test_values_that_would_fill_the_memory(tmp_path):
    file = save(build(), tmp_path / "x.weights.h5")
    line = refusal(build(), replaced(file, shape=2**33, chunks=2**20))
    assert "0 bytes of it would become 34,359,738,368: check" in line


def test_values_in_another_file(tmp_path):
    file = save(build(), tmp_path / "x.weights.h5")
    (tmp_path / "other").write_bytes(bytes(72))
    place = [(str(tmp_path / "other"), 0, 72)]
    line = refusal(build(), replaced(file, shape=(3, 3, 1, 2), external=place))
    assert "its values are in other files: check the path" in line


def test_layers_within_layers(tmp_path):
    inputs = keras.Input((3, 4))
    x = inputs
    for name in ("first", "second"):
        layer = keras.layers.MultiHeadAttention(2, 3, name=name)
        x = layer(x, x)
    model = keras.Model(inputs, x)
    file = save(model, tmp_path / "x.weights.h5")
    assert refusal(model, file) == (
        f"The file {file} has several layers of one name within others, "
        "expected each once: save the model as .keras."
    )


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("x.keras", True),
        ("x.weights.h5", True),
        ("x.hdf5", True),
        ("x.pth", False),
        ("folder", False),
        ("", False),
    ],
)
def test_files_are_known_by_their_names(name, answer):
    assert is_keras_file(name) == answer
