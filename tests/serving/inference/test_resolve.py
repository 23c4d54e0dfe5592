import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.files import write_json
from keras_ptft.serving.export import FACTS
from keras_ptft.serving.inference.resolve import (
    ModelFiles,
    find_model,
    largest_batch,
    load_signature,
)
from keras_ptft.serving.signatures.intake import Intake, limited
from keras_ptft.serving.signatures.signature import (
    Signature,
    cases,
    write_saved_model,
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


def test_what_an_export_refuses_is_told_in_one_line(tmp_path):
    spec = tf.TensorSpec((None,), tf.string, "text")

    def lengths(texts):
        return {"length": tf.strings.length(texts)}

    proofs = cases({"text": np.array([b"a"])}, {"length": np.array([1])})
    whole = Signature("serving_default", lengths, {"text": spec}, proofs)
    write_saved_model(tmp_path, [limited(whole, Intake(most_text_bytes=3))])
    function, _, _ = load_signature(tmp_path)
    with pytest.raises(UserError, match=r"^Expected texts of .* row 0: short"):
        function({"text": tf.constant(["four"])})
    assert function({"text": tf.constant(["two"])})["length"].numpy() == [3]


def test_only_newer_exports_limit_a_batch(tmp_path):
    assert largest_batch(tmp_path) == 0
    (tmp_path / FACTS).parent.mkdir()
    write_json(tmp_path / FACTS, {"source": None})
    assert largest_batch(tmp_path) == 0
    write_json(tmp_path / FACTS, {"intake": {"largest_batch": 7}})
    assert largest_batch(tmp_path) == 7
