"""All that an export of a model answers, from one objective to one file."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import token_source
from keras_ptft.models.heads import features_of
from keras_ptft.objectives.classification import Classification
from keras_ptft.serving.export import export
from keras_ptft.serving.signatures import promises
from keras_ptft.serving.signatures.examples import serialized
from keras_ptft.serving.signatures.intake import Intake
from keras_ptft.serving.signatures.signature import write_saved_model
from tests.infos import text_info

COLUMNS = ("height (m)", "width")
NAMES = ("cat", "dog", "owl")


def headed(inputs, features):
    """A classifier whose weights do not depend on when it is made."""
    keras.utils.set_random_seed(0)
    features = keras.layers.Dense(5, activation="relu", name="features")(
        features
    )
    logits = keras.layers.Dense(len(NAMES), name="logits")(features)
    return keras.Model(inputs, logits)


def image_model():
    inputs = keras.Input((8, 8, 1), dtype="uint8", name="image")
    pixels = keras.layers.Rescaling(1 / 255)(inputs)
    return headed(inputs, keras.layers.Flatten()(pixels))


def photos(count=20):
    rng = np.random.default_rng(0)
    return ArraySource(rng.integers(0, 256, (count, 8, 8, 1), np.uint8))


def by_name(signatures):
    return {signature.name: signature for signature in signatures}


@pytest.fixture(scope="module")
def images():
    """A model of images, and every signature of it."""
    model = image_model()
    objective = Classification(DataInfo(label_names=NAMES))
    return model, by_name(objective.signatures(model, photos()))


@pytest.fixture(scope="module")
def table():
    vector = keras.Input((2,), name="vector")
    model = headed(vector, vector)
    rows = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    source = ArraySource(rows, name="vector")
    info = DataInfo(label_names=NAMES, columns=COLUMNS)
    return model, by_name(Classification(info).signatures(model, source))


@pytest.fixture(scope="module")
def texts():
    words = ("[PAD]", "[UNK]", "[MASK]", "[END]", "two", "four")
    info = text_info(words, sequence_length=4, label_names=NAMES)
    ids = keras.Input((None,), dtype="int32", name="tokens")
    vectors = keras.layers.Embedding(6, 4)(ids)
    model = headed(ids, keras.layers.GlobalMaxPooling1D()(vectors))
    asked = in_memory([b"two", b"four", b"no two"])
    source = token_source(TextSource(asked), info.tokenizer)
    return model, by_name(Classification(info).signatures(model, source))


ALL = {
    "images": ["serving_default", "encoded_images", "examples", "classify"],
    "table": ["serving_default", "columns", "examples", "classify"],
    "texts": ["serving_default", "tokens", "examples", "classify"],
}
# texts of unusual length take a while
KINDS = [
    pytest.param(kind, marks=pytest.mark.slow if kind == "texts" else ())
    for kind in sorted(ALL)
]


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_those_that_are_promised(kind, request):
    _, found = request.getfixturevalue(kind)
    assert list(found) == [*ALL[kind], "features"]
    assert set(found) <= set(promises.SIGNATURES)
    for name in ("serving_default", "examples"):
        outputs = found[name].cases[0].outputs
        assert set(outputs) == {"label", "score", "probabilities", "logits"}
        assert set(outputs) <= set(promises.OUTPUTS)


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_what_the_head_reads(kind, request):
    model, found = request.getfixturevalue(kind)
    assert list(found["features"].inputs) == list(
        found["serving_default"].inputs
    )
    features = found["features"].cases[0].outputs["features"]
    assert (features.dtype, features.shape[1]) == (np.float32, 5)
    logits = model.get_layer("logits")(features)
    expected = found["serving_default"].cases[0].outputs["logits"]
    np.testing.assert_allclose(logits, expected, atol=1e-6)


def test_a_head_of_each_token_has_no_features():
    ids = keras.Input((None,), dtype="int32", name="tokens")
    vectors = keras.layers.Embedding(6, 4)(ids)
    tags = keras.layers.Dense(2, name="logits")(vectors)
    assert features_of(keras.Model(ids, tags)) is None


@pytest.fixture(scope="module")
def saved(images, table, tmp_path_factory):
    folders = {}
    for name, (_, found) in {"images": images, "table": table}.items():
        folders[name] = tmp_path_factory.mktemp(name)
        write_saved_model(folders[name], found.values())
    return folders


def answers(folder, name, **inputs):
    """What a signature answers, loaded as by a client of Python."""
    loaded = tf.saved_model.load(str(folder))
    given = {key: tf.constant(values) for key, values in inputs.items()}
    return {
        key: values.numpy()
        for key, values in loaded.signatures[name](**given).items()
    }


@pytest.mark.slow
def test_variables_are_stored_once(images, saved):
    stored = saved["images"] / "variables/variables.data-00000-of-00001"
    needed = sum(weight.numpy().nbytes for weight in images[0].weights)
    assert needed <= stored.stat().st_size < needed + 10_000


@pytest.mark.slow
def test_examples_hold_image_files(images, saved):
    pixels = photos().gather([3, 4]).numpy()
    files = [tf.io.encode_png(image).numpy() for image in pixels]
    written = serialized({"image/encoded": np.array(files, object)})
    found = answers(saved["images"], "classify", inputs=written)
    logits = images[0](pixels, training=False)
    np.testing.assert_allclose(
        found["scores"], tf.nn.softmax(logits), atol=1e-5
    )
    assert found["classes"].tolist() == [[b"cat", b"dog", b"owl"]] * 2


@pytest.mark.slow
def test_columns_are_taken_by_name(table, saved):
    vectors = np.array([[1.0, -2.0]], np.float32)
    logits = table[0](vectors, training=False)
    found = answers(saved["table"], "columns", height_m=[1.0], width=[-2.0])
    np.testing.assert_allclose(found["logits"], logits, atol=1e-5)
    written = serialized({"height (m)": [1.0], "width": [-2.0]})
    found = answers(saved["table"], "examples", examples=written)
    np.testing.assert_allclose(found["logits"], logits, atol=1e-5)
    best = int(np.argmax(logits))
    assert found["label"].tolist() == [NAMES[best].encode()]


def test_labels_within_rounding_prove_nothing():
    vector = keras.Input((2,), name="vector")
    model = keras.Model(vector, keras.layers.Identity()(vector))
    rows = np.array([[1, 2], [1, 1 + 1e-6], [3, 1]], np.float32)
    info = DataInfo(label_names=NAMES[:2])
    source = ArraySource(rows, name="vector")
    found, *_ = Classification(info).signatures(model, source)
    assert found.cases[0].outputs["label"].tolist() == [b"dog", b"cat"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(ALL))
def test_exports_are_verified(kind, request, tmp_path):
    _, found = request.getfixturevalue(kind)
    done = export(tmp_path, list(found.values()), parts={})
    assert set(done.largest_difference) == set(found)


@pytest.mark.slow
def test_exports_with_other_limits_are_verified(images, tmp_path):
    intake = Intake(corrupt_images="flag", most_pixels=64, largest_batch=2)
    objective = Classification(DataInfo(label_names=NAMES))
    found = objective.signatures(images[0], photos(), intake)
    done = export(tmp_path, found, parts={})
    assert max(done.largest_difference.values()) <= 1e-5
    # none of its cases is larger than a request may be
    sizes = {len(next(iter(c.inputs.values()))) for c in found[0].cases}
    assert sizes == {1, 2}
