import errno
import json
import os
import platform
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.export import export

NAMES = tuple("零一二三四五六七八九")

LOAD = """
import sys
import numpy as np
import tensorflow as tf

loaded = tf.saved_model.load(sys.argv[1])
images = np.load(sys.argv[2])
encoded = [tf.io.encode_png(image).numpy() for image in images]
answers = loaded.signatures["encoded_images"](bytes=tf.constant(encoded))
np.save(sys.argv[3], answers["logits"].numpy())
"""


@keras.saving.register_keras_serializable("tests")
class Restless(keras.layers.Layer):
    """Noise that does not stop when the model serves."""

    def call(self, inputs):
        return inputs + tf.random.normal(tf.shape(inputs))


def in_graph(path, name, feeds):
    """Outputs of a signature, loaded as TensorFlow Serving loads it."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.loader.load(
            session, ["serve"], str(path)
        )
        signature = loaded.signature_def[name]
        return session.run(
            {key: info.name for key, info in signature.outputs.items()},
            {signature.inputs[key].name: feeds[key] for key in feeds},
        )


def test_the_first_version_is_one(exported):
    base = exported.path.parent
    assert exported.version == 1
    assert os.listdir(base) == ["1"]
    assert set(exported.largest_difference) == {
        "serving_default",
        "encoded_images",
    }
    assert max(exported.largest_difference.values()) <= 1e-5


def test_label_names_stand_beside_the_model(exported):
    file = exported.path / "assets.extra" / "labels.json"
    assert json.loads(file.read_text(encoding="utf-8")) == list(NAMES)


def test_others_may_read_the_version(exported):
    mask = os.umask(0)
    os.umask(mask)
    assert exported.path.stat().st_mode & 0o777 == 0o777 & ~mask


def test_a_session_finds_named_inputs_and_outputs(exported, digits, logits):
    answers = in_graph(
        exported.path, "serving_default", {"image": digits[0][:30]}
    )
    assert set(answers) == {"logits", "probabilities"}
    np.testing.assert_allclose(answers["logits"], logits[:30], atol=1e-5)
    sums = answers["probabilities"].sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-6)


def test_a_session_answers_for_encoded_images(exported, digits, logits):
    encoded = [tf.io.encode_png(image).numpy() for image in digits[0][:3]]
    answers = in_graph(exported.path, "encoded_images", {"bytes": encoded})
    np.testing.assert_allclose(answers["logits"], logits[:3], atol=1e-5)


@pytest.mark.slow
def test_a_fresh_process_answers_for_encoded_images(
    exported, digits, logits, tmp_path
):
    np.save(tmp_path / "images.npy", digits[0][:20])
    files = [tmp_path / "images.npy", tmp_path / "logits.npy"]
    subprocess.run(
        [sys.executable, "-c", LOAD, exported.path, *files],
        check=True,
        capture_output=True,
    )
    np.testing.assert_allclose(np.load(files[1]), logits[:20], atol=1e-5)


def test_nothing_asks_for_xla(exported):
    graph = (exported.path / "saved_model.pb").read_bytes()
    assert b"_XlaMustCompile" not in graph


@pytest.mark.slow
def test_the_next_version_leaves_everything_but_leftovers(
    model, digits, tmp_path
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
    done = export(model, tmp_path, label_names=NAMES, examples=digits[0][:2])
    assert (done.version, done.path) == (8, tmp_path / "8")
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "8"])


@pytest.mark.slow
def test_a_model_that_answers_otherwise_is_not_published(tmp_path):
    inputs = keras.Input((4,), name="vector")
    model = keras.Model(inputs, Restless()(keras.layers.Dense(2)(inputs)))
    with pytest.raises(UserError, match=r"differs .* 'serving_default'"):
        export(
            model,
            tmp_path,
            label_names=["a", "b"],
            examples=np.ones((3, 4), np.float32),
        )
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_way_is_an_error(model, digits, tmp_path, place):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UserError, match=r"Cannot export to .*choose another"):
        export(
            model,
            tmp_path / place,
            label_names=NAMES,
            examples=digits[0][:2],
        )
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_error(model, digits, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=os.strerror(errno.EACCES)):
        export(model, tmp_path, label_names=NAMES, examples=digits[0][:2])


@pytest.mark.parametrize(("names", "examples"), [(3, 2), (10, 0)])
def test_names_and_examples_are_checked(
    model, digits, tmp_path, names, examples
):
    with pytest.raises(UserError, match=f"got {names} and {examples}"):
        export(
            model,
            tmp_path / "base",
            label_names=NAMES[:names],
            examples=digits[0][:examples],
        )
    assert not (tmp_path / "base").exists()
