import shutil

import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.inference.resolve import (
    ModelFiles,
    find_model,
    load_signature,
)


@pytest.fixture(scope="module")
def run(model, make_run, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "digits", model)


def test_a_run_and_its_file_are_found(run):
    expected = ModelFiles(run, keras_file=run / "model.keras")
    assert find_model(str(run)) == expected
    assert find_model(run / "model.keras") == expected


def test_the_highest_version_is_found(exported, tmp_path):
    path = exported.path
    expected = ModelFiles(path / "assets.extra", saved_model=path)
    assert find_model(path) == find_model(path.parent) == expected
    (tmp_path / "9").symlink_to(path)
    (tmp_path / "10").mkdir()
    with pytest.raises(UserError, match=r"No model in .*10: expected"):
        find_model(tmp_path)
    (tmp_path / "10").rmdir()
    (tmp_path / "11").symlink_to(path)
    assert find_model(tmp_path).saved_model == tmp_path / "11"


@pytest.mark.parametrize("name", ["", "nowhere", "notes.txt"])
def test_a_missing_model_is_an_error(tmp_path, name):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(UserError, match=r"No model in .*: expected a run"):
        find_model(tmp_path / name)


def never(folder):
    return not folder


def test_a_run_must_be_complete(run, exported, tmp_path):
    for folder in (run, tmp_path):
        with pytest.raises(UserError, match="is not complete"):
            find_model(folder, never)
    # its files may be used at the user's own risk, and an export is complete
    assert find_model(run / "model.keras", never).keras_file
    assert find_model(exported.path, never).saved_model
    assert find_model(run, run.__eq__).keras_file


def test_a_signature_is_loaded(exported, digits, logits):
    function, inputs, outputs = load_signature(exported.path)
    assert inputs["image"].shape.as_list() == [None, 8, 8, 1]
    assert outputs["probabilities"].shape.as_list() == [None, 10]
    found = function({"image": tf.constant(digits[0][:3])})["logits"]
    assert abs(found - logits[:3]).numpy().max() < 1e-5
    _, inputs, _ = load_signature(exported.path, "encoded_images")
    assert inputs["bytes"].dtype == tf.string


def test_a_damaged_export_is_an_error(exported, tmp_path):
    with pytest.raises(UserError, match=r"Cannot read the model .*export it"):
        load_signature(exported.path, "other")
    (tmp_path / "saved_model.pb").write_bytes(b"nothing of use")
    with pytest.raises(UserError, match="Cannot read the model"):
        load_signature(tmp_path)


def test_an_export_below_a_path_that_is_a_pattern(exported, digits, tmp_path):
    folder = tmp_path / "runs [1] of *?" / "1"
    shutil.copytree(exported.path, folder)
    function, _, _ = load_signature(folder)
    expected, _, _ = load_signature(exported.path)
    batch = {"image": tf.constant(digits[0][:3])}
    one, other = (f(batch)["logits"].numpy() for f in (function, expected))
    assert (one == other).all()
