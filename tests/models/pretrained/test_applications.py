"""Weights of keras.applications from every file that Keras writes."""

import inspect
import os
import re
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.models.applications import APPLICATIONS
from keras_ptft.models.pretrained import PRETRAINED
from keras_ptft.models.pretrained.known import IMAGENET_RESIZE
from keras_ptft.registry import lookup

SIDE = 80


def load(spec, image_size=SIDE):
    return lookup(PRETRAINED, spec, "pretrained model")(image_size)


def original(name, *, include_top=False):
    """A model of Keras with weights that let values neither vanish nor grow."""
    settings = {"input_shape": (SIDE, SIDE, 3), "pooling": "avg"}
    if include_top:
        settings = {}
    model = APPLICATIONS[name](
        include_top=include_top, weights=None, **settings
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith(("gamma", "beta", "bias")):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return model


def pixels():
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)


def features_of(name, model):
    module = inspect.getmodule(APPLICATIONS[name])
    return model(module.preprocess_input(pixels().astype("float32"))).numpy()


def check_features(backbone, expected):
    scale = np.abs(expected).max()
    features = backbone(pixels(), training=False)
    np.testing.assert_allclose(features / scale, expected / scale, atol=1e-5)


def write_keras_2(model, path, *, prefix="", number=0, top=()):
    """The layers of a model as Keras 2 wrote them.

    Args:
        prefix: of each name, as Keras 2 had other names than Keras 3.
        number: what its count of layers without a name started from.
        top: names and weights of layers of a classifier.
    """
    layers = [(prefix + x.name, x.get_weights()) for x in model.layers]
    with h5py.File(path, "w") as file:
        names = []
        for name, weights in [*layers, *top]:
            if found := re.fullmatch(r"(conv2d|.*_normalization)(_\d+)?", name):
                count = int((found[2] or "_0")[1:]) + number
                name = f"{found[1]}_{count}"
            names.append(name.encode())
            group = file.create_group(name)
            inner = [f"{name}/{i}:0" for i in range(len(weights))]
            group.attrs["weight_names"] = [text.encode() for text in inner]
            for text, weight in zip(inner, weights, strict=True):
                group[text] = weight
        file.attrs["layer_names"] = names


@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".h5"])
def test_every_file_of_keras(ending, tmp_path):
    model = original("VGG16")
    path = tmp_path / f"vgg{ending}"
    if ending == ".weights.h5":
        model.save_weights(path)
    elif ending == ".keras":
        model.save(path)
    else:
        write_keras_2(model, path)
    known = load(f"applications('vgg16', weights={str(path)!r})")
    assert known.origin == str(path) and known.reading is None
    assert known.resize == IMAGENET_RESIZE == "crop(share=0.875)"
    assert known.backbone.name == "backbone"
    check_features(known.backbone, features_of("VGG16", model))


@pytest.fixture(
    scope="module",
    params=["ConvNeXtTiny", "InceptionV3", "MobileNetV2", "Xception"],
)
def classifier(request):
    """Its name, the model, and its features below what classifies."""
    name = request.param
    whole, model = original(name, include_top=True), original(name)
    model.set_weights(whole.get_weights()[: len(model.weights)])
    return name, whole, features_of(name, model)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".h5"])
def test_a_classifier_is_left_out(classifier, ending, tmp_path):
    name, whole, expected = classifier
    path = tmp_path / f"whole{ending}"
    if ending == ".weights.h5":
        whole.save_weights(path)
    else:
        # the .h5 of Keras 3 holds the whole model, as that of Keras 2 did
        whole.save(path)
    known = load(f"applications({name!r}, weights={str(path)!r})")
    check_features(known.backbone, expected)


def test_layers_of_other_names_go_in_order(tmp_path):
    model = original("VGG16")
    write_keras_2(model, tmp_path / "old.h5", prefix="vgg/")
    path = str(tmp_path / "old.h5")
    known = load(f"applications('VGG16', weights={path!r})")
    check_features(known.backbone, features_of("VGG16", model))


@pytest.mark.slow
def test_layers_without_a_name_go_in_order(tmp_path):
    model = original("Xception")
    write_keras_2(model, tmp_path / "x.h5", number=94)
    with h5py.File(tmp_path / "x.h5") as file:
        names = list(file.attrs["layer_names"])
    assert not {"conv2d", "conv2d_1", "batch_normalization"} & set(names)
    path = str(tmp_path / "x.h5")
    known = load(f"applications('Xception', weights={path!r})")
    check_features(known.backbone, features_of("Xception", model))


@pytest.mark.slow
def test_imagenet_scales_of_efficientnet(tmp_path):
    # Keras divides by the root of these where it fetches the weights itself
    std = np.array([0.229, 0.224, 0.225], np.float32)
    mean = np.array([0.485, 0.456, 0.406], np.float32)
    model = original("EfficientNetB0")
    scales = next(
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Normalization)
    )
    scales.set_weights([mean, std, np.int64(0)])
    model.save_weights(tmp_path / "b0.weights.h5")
    path = str(tmp_path / "b0.weights.h5")
    backbone = load(
        f"applications('EfficientNetB0', weights={path!r})"
    ).backbone
    scaled = keras.Model(
        backbone.input, backbone.get_layer("rescaling_1").output
    )
    images = pixels()
    expected = (images / 255 - mean) / std
    np.testing.assert_allclose(scaled(images), expected, atol=1e-5)


def test_other_weights_are_refused_with_their_names(tmp_path):
    model = original("VGG16")
    extra = [("gate", [np.zeros(3)]), ("predictions", [np.zeros((512, 10))])]
    write_keras_2(model, tmp_path / "more.h5", top=extra)
    with h5py.File(tmp_path / "more.h5", "r+") as file:
        names = list(file.attrs["layer_names"])
        file.attrs["layer_names"] = [n for n in names if "4_conv" not in n]
        del file["block1_conv1"]["block1_conv1/1:0"]
        file["block1_conv1"]["block1_conv1/1:0"] = np.zeros(5, np.float32)
    path = str(tmp_path / "more.h5")
    with pytest.raises(UserError) as caught:
        load(f"applications('VGG16', weights={path!r})")
    expected = (
        f"The weights of {path} are not those of this model: of its tensors, "
        "3 missing (block4_conv1, block4_conv2, block4_conv3); 1 left over "
        "(gate); 1 unfit (block1_conv1 of shapes [(3, 3, 3, 64), (5,)], in "
        "place of [(3, 3, 3, 64), (64,)]): give the file of this model."
    )
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.h5", None, "No such file or directory: check the path"),
        ("text.h5", b"text", "file signature not found"),
        ("empty.weights.h5", "empty", "it has no layers with weights"),
        ("text.keras", b"text", "Cannot read the model .* expected a .keras"),
    ],
)
def test_files_that_cannot_be_read(name, content, message, tmp_path):
    path = tmp_path / name
    if content == "empty":
        h5py.File(path, "w").close()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        load(f"applications('VGG16', weights={str(path)!r})")
    assert "\n" not in str(caught.value)


def test_values_in_other_files_are_refused(tmp_path):
    path = tmp_path / "linked.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("block1_conv1")
        group.create_dataset("kernel", (4,), "f4", external=[("secret", 0, 16)])
        group.attrs["weight_names"] = ["kernel"]
        file.attrs["layer_names"] = ["block1_conv1"]
    with pytest.raises(UserError, match="its values are in other files"):
        load(f"applications('VGG16', weights={str(path)!r})")


# what each attempt came to is a line of its own, as Keras prints too
CODE = """
import os, sys
from keras_ptft.errors import UserError
from keras_ptft.models.pretrained.applications import applications

cached, broken, place = sys.argv[1:]

def attempt(name):
    try:
        backbone = applications(96, name).backbone
        kernel = backbone.get_layer("conv1").kernel
        print("came to", float(kernel.numpy().max()))
    except UserError as error:
        print("came to", error)

attempt("mobilenet")
attempt("NASNetMobile")
for file in (cached, broken):
    os.replace(file, place)
    attempt("MobileNet")
"""


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """Loads ImageNet weights in a process that reaches no network.

    Returns:
        The folder that Keras caches files in, and what each attempt came to.
    """
    home = tmp_path_factory.mktemp("home")
    model = keras.applications.MobileNet(
        include_top=False, weights=None, input_shape=(96, 96, 3)
    )
    kernel = model.get_layer("conv1").kernel
    kernel.assign(np.full(kernel.shape, 0.25))
    cached, broken = home / "cached.h5", home / "broken.h5"
    write_keras_2(model, cached)
    broken.write_bytes(b"half of it")
    place = home / "models" / "mobilenet_1_0_224_tf_no_top.h5"
    proxy = "http://127.0.0.1:9"
    variables = {"KERAS_HOME": str(home), "https_proxy": proxy, "no_proxy": ""}
    done = subprocess.run(
        [sys.executable, "-c", CODE, cached, broken, place],
        env=os.environ | variables | {"HTTPS_PROXY": proxy},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return home / "models", re.findall("^came to (.*)$", done.stdout, re.M)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attempt", "file"),
    [
        (0, "mobilenet_1_0_224_tf_no_top.h5"),
        # kept under another name than it is fetched by
        (1, "nasnet_mobile_no_top.h5"),
    ],
)
def test_without_a_network_the_file_is_named(attempt, file, offline):
    folder, lines = offline
    line = lines[attempt]
    assert line.startswith("Cannot get the ImageNet weights of ")
    assert f"put {file} into {folder}, or name another" in line


@pytest.mark.slow
def test_cached_weights_need_no_network(offline):
    folder, (*_, line, of_broken) = offline
    assert line == "0.25"
    assert "file signature not found" in of_broken
    assert str(folder) in of_broken
