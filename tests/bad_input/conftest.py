"""Files as users have them by mistake."""

import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.main import main


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder full of mistakes, with good runs among them."""
    place = tmp_path_factory.mktemp("bad input")
    for make in (make_photos, make_leak, make_arrays, make_models):
        make(place)
    make_recipes(place)
    before = os.getcwd()
    os.chdir(place)
    make_runs(place)
    os.chdir(before)
    return place


@pytest.fixture
def place(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


def png(path, seed, size=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size, size, 3)
    pixels = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
    path.write_bytes(tf.io.encode_png(pixels).numpy())


def make_photos(place):
    for n in range(8):
        png(place / f"photos/cat/{n}.png", n)
        png(place / f"photos/dog/{n}.png", 100 + n)
    for name in ("one_class", "empty_class", "broken"):
        shutil.copytree(place / "photos", place / name)
    shutil.rmtree(place / "one_class/dog")
    (place / "empty_class/eel").mkdir()
    (place / "broken/dog/bad.png").write_text("no image")
    (place / "bad.png").write_text("no image")
    (place / "empty").mkdir()


def make_leak(place):
    """Class folders of which a training image is a copy of a test image."""
    for n in range(10):
        for kind, start in (("cat", 200), ("dog", 300)):
            png(place / f"leak/train/{kind}/{n}.png", start + n)
            png(place / f"leak/test/{kind}/{n}.png", start + 50 + n)
    copy = place / "leak/train/cat/copy.png"
    shutil.copy(place / "leak/test/cat/3.png", copy)


def make_arrays(place):
    rng = np.random.default_rng(0)
    x, y = rng.random((100, 6), np.float32), np.arange(100) % 3
    holed = np.where(np.arange(6) == 2, np.nan, x)
    arrays = {
        "good": {"x": x, "y": y},
        "nan": {"x": holed, "y": y},
        "object": {"x": np.array([{}, {}]), "y": y[:2]},
        "several": {"x": x, "y": np.ones((len(x), 2))},
        "outside": {"x": x, "y": y, "label_names": ["a", "b"]},
        "uneven": {"x": x, "y": y[:50]},
        "keys": {"a": x, "b": y},
        "same": {"x": x, "y": y * 0},
    }
    for name, values in arrays.items():
        np.savez(place / f"{name}.npz", **values)
    whole = (place / "good.npz").read_bytes()
    (place / "half.npz").write_bytes(whole[: len(whole) // 2])
    (place / "text.csv").write_text("a,label\n1,x\nzwei,y\n")
    (place / "unlabelled.csv").write_text("a,b\n1,2\n")
    np.save(place / "wide.npy", np.zeros((3, 5, 5), np.uint8))


def make_models(place):
    image = keras.Input((8, 8, 1), dtype="uint8")
    flat = keras.layers.Flatten()(image)
    doubled = keras.layers.Lambda(lambda x: tf.cast(x, tf.float32) * 2)(flat)
    keras.Model(image, doubled).save(place / "lambda.keras")
    vector = keras.Input((6,))
    features = keras.layers.Dense(4)(vector)
    keras.Model(vector, features).save(place / "vector.keras")
    pixels = keras.layers.Rescaling(1 / 255)(image)
    maps = keras.layers.Conv2D(2, 3)(pixels)
    keras.Model(image, maps).save(place / "maps.keras")
    two = [keras.Input((8,)), keras.Input((8,))]
    keras.Model(two, keras.layers.Add()(two)).save(place / "two.keras")
    whole = (place / "vector.keras").read_bytes()
    (place / "half.keras").write_bytes(whole[: len(whole) // 2])
    (place / "text.keras").write_text("hello")


def make_recipes(place):
    recipes = {
        "unknown": "--epohcs=3\n",
        "comment": "--dataset=digits # the bundled one\n",
        "indented": "  # a comment\n--epochs=3\n",
        "bare": "epochs=3\n",
        "good": "--name=new\n--image_size=28\n--epochs=1\n",
        "late": "--name=late\n--optimizer=adm\n",
    }
    for name, text in recipes.items():
        (place / f"{name}.flags").write_text(text)
    (place / "binary.flags").write_bytes(b"\xff\xfe\x00")
    (place / "file").write_text("in the way")


def make_runs(place):
    for folder, data in (
        ("parent", "--classes=0-4"),
        ("photos", "--dataset=folder:photos"),
    ):
        settings = ["--image_size=8", "--batch_size=4", data]
        settings += ["--validation_fraction=0"]
        settings += ["--explain=false", "--jit_compile=false"]
        words = ["pretrain", "--backbone=mlp_small", "--epochs=1", *settings]
        main([*words, f"--name={folder}"])
    shutil.copytree(place / "runs/parent", place / "runs/unfinished")
    (place / "runs/unfinished/result.json").unlink()
    (place / "runs/mine").mkdir()
    (place / "runs/mine/model.keras").write_text("precious")
