import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.inference.predictor import load_predictor

# Keras 3.15 saves weights through an interface that NumPy 2.4 calls old
NAMES = tuple("零一二三四五六七八九")


@pytest.fixture(scope="module")
def run(model, tmp_path_factory):
    """A run folder, complete."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    folder.mkdir()
    model.save(folder / "model.keras")
    (folder / "labels.json").write_text(
        json.dumps(NAMES, ensure_ascii=False), encoding="utf-8"
    )
    (folder / "flags.flags").write_text("--name=digits\n")
    (folder / "result.json").write_text('{"status": "complete"}')
    return folder


@pytest.fixture(params=["run", "file", "version", "versions"])
def place(request, run, exported):
    return {
        "run": run,
        "file": run / "model.keras",
        "version": exported.path,
        "versions": exported.path.parent,
    }[request.param]


def test_a_model_answers_alike_wherever_it_is(place, digits, logits):
    predictor = load_predictor(place)
    assert predictor.label_names == NAMES
    assert predictor.input_shape == (8, 8, 1)
    assert predictor.input_spec.dtype == tf.uint8
    assert predictor.input_spec.name == "image"
    found = predictor.probabilities(digits[0][:300])
    assert found.dtype == np.float32
    expected = tf.nn.softmax(logits[:300])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_no_examples_have_no_probabilities(exported, digits):
    predictor = load_predictor(str(exported.path))
    assert predictor.probabilities(digits[0][:0]).shape == (0, 10)


def test_the_highest_version_is_loaded(exported, tmp_path):
    (tmp_path / "9").symlink_to(exported.path)
    (tmp_path / "10").mkdir()
    with pytest.raises(UserError, match=r"No model in .*10: expected"):
        load_predictor(tmp_path)
    (tmp_path / "10").rmdir()
    (tmp_path / "11").symlink_to(exported.path)
    assert load_predictor(tmp_path).input_shape == (8, 8, 1)


@pytest.mark.parametrize("name", ["", "nowhere", "notes.txt"])
def test_a_missing_model_is_an_error(tmp_path, name):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(UserError, match=r"No model in .*: expected a run"):
        load_predictor(tmp_path / name)


@pytest.mark.parametrize("result", [None, '{"status": "running"}'])
def test_a_run_must_be_complete(run, tmp_path, result):
    (tmp_path / "flags.flags").write_text("--name=digits\n")
    (tmp_path / "model.keras").symlink_to(run / "model.keras")
    if result:
        (tmp_path / "result.json").write_text(result)
    with pytest.raises(UserError, match="is not complete"):
        load_predictor(tmp_path)


def test_label_names_must_be_there(run, tmp_path):
    (tmp_path / "model.keras").symlink_to(run / "model.keras")
    with pytest.raises(UserError, match=r"Cannot read .*labels\.json"):
        load_predictor(tmp_path)


def test_label_names_must_match(run, tmp_path):
    (tmp_path / "model.keras").symlink_to(run / "model.keras")
    (tmp_path / "labels.json").write_text('["a", "b"]')
    with pytest.raises(UserError, match="holds 2 label names, expected 10"):
        load_predictor(tmp_path / "model.keras")


def test_a_lambda_is_refused(tmp_path):
    inputs = keras.Input((2,), name="vector")
    outputs = keras.layers.Lambda(lambda x: x * 2)(inputs)
    keras.Model(inputs, outputs).save(tmp_path / "model.keras")
    with pytest.raises(UserError, match="got a Lambda layer"):
        load_predictor(tmp_path)


def test_a_damaged_file_is_an_error(run, tmp_path):
    file = tmp_path / "model.keras"
    file.write_bytes((run / "model.keras").read_bytes()[:1000])
    with pytest.raises(UserError, match="Cannot read the model") as error:
        load_predictor(file)
    assert "\n" not in str(error.value)


def test_a_zip_file_of_something_else_is_an_error(tmp_path):
    file = tmp_path / "model.keras"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(UserError, match="Cannot read the model"):
        load_predictor(file)


def test_a_damaged_export_is_an_error(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"nothing of use")
    with pytest.raises(UserError, match="Cannot read the model"):
        load_predictor(tmp_path)


def test_an_export_without_probabilities_is_an_error(tmp_path):
    module = tf.Module()
    module.double = tf.function(
        lambda x: {"doubled": 2 * x},
        input_signature=[tf.TensorSpec((None, 2), name="x")],
    )
    tf.saved_model.save(
        module, str(tmp_path), {"serving_default": module.double}
    )
    with pytest.raises(UserError, match="'probabilities': export"):
        load_predictor(tmp_path)
