"""Where the weights of a fine-tuning come from, and what follows for data."""

import re

import keras
import numpy as np
import pytest

from keras_ptft import Config
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.errors import UserError
from keras_ptft.experiment.pretrained import is_known_model, load_pretrained
from keras_ptft.experiment.stages import finetune
from keras_ptft.files import read_json
from keras_ptft.main import main
from keras_ptft.models.saved import load_model

LITE = "efficientnet_lite0"
DIGITS = "--image_size=32 --train_examples=200 --near_copies=false "
DIGITS += "--explain=false"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def small_model():
    inputs = keras.Input((4,), name="vector")
    x = keras.layers.Dense(3, name="features")(inputs)
    return keras.Model(inputs, x, name="backbone")


def texts():
    lines = [f"text {number}".encode() for number in range(8)]
    source = TextSource(in_memory(lines), [0, 1] * 4)
    return Dataset({"train": source, "test": source}, ("a", "b"))


def test_a_file_or_run_comes_before_a_known_model_of_its_name(here):
    config = Config(init_from=LITE)
    assert is_known_model(config)
    small_model().save(here / "x.keras")
    (here / "x.keras").rename(here / LITE)
    assert not is_known_model(config)


def test_only_a_call_of_a_row_is_a_known_model():
    known = (LITE, f"{LITE}(weights='a b.pth')", "hub:folder/x", "bert:a b")
    assert all(is_known_model(Config(init_from=name)) for name in known)
    others = (f"{LITE}.keras", f"runs/{LITE}", "cnn", "", f"{LITE}-2")
    assert not any(is_known_model(Config(init_from=name)) for name in others)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "--init_from=eficientnet_lite0",
            "(mean 'efficientnet_lite0'|known models: .*efficientnet_lite0)",
        ),
        (f"--init_from={LITE}(weigths='x')", "weights"),
        (f"--init_from={LITE}(weights='x.pth')", "x.pth"),
    ],
)
def test_what_cannot_be_found_is_told_in_one_line(words, expected, capsys):
    assert main(["finetune", words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("keras-ptft: ")
    assert re.search(expected, line), line


def test_texts_need_a_model_of_texts():
    config = Config(name="x", init_from=LITE, on_leak="warn")
    with pytest.raises(UserError, match=r"reads no texts.*all_minilm_l6_v2"):
        finetune(config, dataset=texts())


@pytest.mark.slow
def test_images_are_no_texts():
    images = np.zeros((8, 8, 8, 3), np.uint8)
    images[:, 0, 0, 0] = range(8)
    source = ArraySource(images, [0, 1] * 4, name="image")
    dataset = Dataset({"train": source, "test": source}, ("a", "b"))
    config = Config(name="x", init_from="all_minilm_l6_v2", on_leak="warn")
    with pytest.raises(UserError, match=r"takes int32 .* has uint8 \(8, 8, 3"):
        finetune(config, dataset=dataset)


@pytest.mark.slow
def test_grey_digits_are_shown_to_a_model_of_photos(here, capsys, caplog):
    words = f"finetune --name=x --init_from={LITE} --probe=lbfgs(C=0.1)"
    assert main([*words.split(), *DIGITS.split()]) == 0
    assert f"grey images become colour, as {LITE} takes them" in caplog.text
    result = read_json(here / "runs/x/result.json")
    assert result["transfer"]["share"] == 1.0
    # chance is 0.1: photos of 32 pixels are not what it was trained on
    assert result["metrics"]["test"]["accuracy"] > 0.6
    assert result["audit"]["changed"] == []
    assert load_model(here / "runs/x/model.keras").input_shape[1:] == (
        32,
        32,
        1,
    )
    capsys.readouterr()
    assert main(["evaluate", "runs/x"]) == 0


@pytest.mark.slow
def test_images_take_the_size_of_the_weights():
    pretrained = load_pretrained(Config(init_from=LITE), None)
    assert (pretrained.weights.image_size, pretrained.weights.channels) == (
        224,
        3,
    )
    smaller = load_pretrained(Config(init_from=LITE, image_size=64), None)
    assert smaller.backbone.input_shape[1:] == (64, 64, 3)
    assert smaller.fingerprint == pretrained.fingerprint
