import errno
import os
import platform
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.serving.export import check_export_dir, export, find_export
from keras_ptft.serving.signatures.arrays import array_signatures, class_scores


@keras.saving.register_keras_serializable("tests")
class Restless(keras.layers.Layer):
    """Noise that does not stop when the model serves."""

    def call(self, inputs):
        return inputs + tf.random.normal(tf.shape(inputs))


def test_the_first_version_is_one(exported):
    base = exported.path.parent
    assert exported.version == 1
    assert os.listdir(base) == ["1"]
    assert set(exported.largest_difference) == {
        "serving_default",
        "encoded_images",
    }
    assert max(exported.largest_difference.values()) <= 1e-5


def test_weights_are_stored_once(exported, model):
    stored = exported.path / "variables" / "variables.data-00000-of-00001"
    needed = sum(weight.numpy().nbytes for weight in model.weights)
    assert needed <= stored.stat().st_size < needed + 10_000


def test_others_may_read_the_version(exported):
    mask = os.umask(0)
    os.umask(mask)
    assert exported.path.stat().st_mode & 0o777 == 0o777 & ~mask


def test_a_session_finds_named_inputs_and_outputs(
    exported, digits, logits, in_session
):
    images = digits[0][:30]
    outputs = in_session(exported.path, "serving_default", image=images)
    assert set(outputs) == {"logits", "probabilities"}
    np.testing.assert_allclose(outputs["logits"], logits[:30], atol=1e-5)
    sums = outputs["probabilities"].sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-6)


def test_a_session_answers_for_encoded_images(
    exported, digits, logits, in_session
):
    encoded = [tf.io.encode_png(image).numpy() for image in digits[0][:3]]
    outputs = in_session(exported.path, "encoded_images", bytes=encoded)
    np.testing.assert_allclose(outputs["logits"], logits[:3], atol=1e-5)


def test_nothing_asks_for_xla(exported):
    graph = (exported.path / "saved_model.pb").read_bytes()
    assert b"_XlaMustCompile" not in graph


@pytest.mark.slow
def test_the_next_version_leaves_everything_but_leftovers(
    digit_signatures, tmp_path
):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = platform.node()
    leftover = f".partial-7-{host}-{dead.pid}"
    kept = [
        "7",
        "latest",
        f".partial-7-{host}-{os.getppid()}",
        f".partial-7-elsewhere.example-{dead.pid}",
        f".partial-{dead.pid}",
    ]
    for name in [*kept, leftover]:
        (tmp_path / name).mkdir()
    source = {"run": "a", "weights": "1"}

    def write_a(draft):
        files.write_json(draft.folder / "assets.extra" / "a.json", [1])
        return {"from": str(draft.base)}

    assert find_export(tmp_path, source) is None
    done = export(
        tmp_path,
        digit_signatures,
        parts={"a": write_a},
        source=source,
    )
    assert (done.version, done.path) == (8, tmp_path / "8")
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "8"])
    assert files.read_json(done.path / "assets.extra" / "a.json") == [1]
    facts = files.read_json(done.path / "assets.extra" / "export.json")
    assert facts["a"] == {"from": str(tmp_path)}
    assert find_export(tmp_path, source) == done
    assert find_export(tmp_path, {**source, "weights": "2"}) is None
    assert find_export(tmp_path / "none", source) is None


@pytest.mark.slow
def test_a_model_that_answers_otherwise_is_not_published(tmp_path):
    inputs = keras.Input((4,), name="vector")
    model = keras.Model(inputs, Restless()(keras.layers.Dense(2)(inputs)))
    examples = {"vector": np.ones((3, 4), np.float32)}
    signatures = array_signatures(model, class_scores(model), examples)
    with pytest.raises(UserError, match=r"differs .* 'serving_default'"):
        export(tmp_path, signatures, parts={})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_a_file_in_the_way_is_an_error(digit_signatures, tmp_path, path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UserError, match=r"must be a folder .*choose another"):
        export(tmp_path / path, digit_signatures, parts={})
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_error(
    digit_signatures, tmp_path
):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=os.strerror(errno.EACCES)):
        export(tmp_path, digit_signatures, parts={})


@pytest.mark.parametrize("name", ["a[1]", "a*", "b?c"])
def test_a_path_that_tensorflow_reads_as_a_pattern_is_refused(
    digit_signatures, tmp_path, name
):
    base = tmp_path / name / "digits"
    with pytest.raises(UserError, match=r"pattern, got .*; choose another"):
        export(base, digit_signatures, parts={})
    with pytest.raises(UserError, match=r"Cannot export to saved/"):
        check_export_dir(f"saved/{name}")
    assert os.listdir(tmp_path) == []
