"""Exports of every kind of input, each served as TensorFlow Serving does."""

import contextlib
import importlib.util

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_ptft.serving.signatures.arrays import (
    array_signatures,
    class_scores,
    expected_outputs,
)
from keras_ptft.serving.signatures.signature import (
    Case,
    Signature,
    write_saved_model,
)
from keras_ptft.serving.signatures.text import TEXT, ids_of, text_serving_fn
from tests.serving.bundle.asking import source_of
from tests.serving.conftest import KINDS, TAGS
from tests.serving.in_process import served_model, serving

DIGITS = tuple(map(str, range(10)))
GROWERS = ('say "cheese"', "it's\n\\n {{ x }}", "意大利 🍷")
STRINGS = (
    b"\xff\xfe a \xc3(",
    b"",
    "我想冻结我的卡".encode(),
    b"please freeze my card",
)
COLUMNS = ("alcohol", "malic acid", "ash")


@pytest.fixture(scope="session")
def image(digits, written):
    """Images: signatures, labels, columns, and the version's folder."""
    inputs = keras.Input((8, 8, 1), dtype="uint8", name="image")
    features = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, layers.Dense(10)(features))
    examples = {"image": digits[0][:5]}
    signatures = array_signatures(model, class_scores(model), examples)
    return signatures, DIGITS, (), written(signatures)


@pytest.fixture(scope="session")
def text(token_model, tokenizer, written):
    """Texts, and tokens of any length."""
    model = token_model(tokenizer, 2, per_token=False)
    scores = class_scores(model)
    function = text_serving_fn(scores, tokenizer, KINDS, tagging=False)
    spec = tf.TensorSpec(model.inputs[0].shape, tf.int32, "tokens")
    ids = ids_of(tf.constant(STRINGS), tokenizer).numpy()
    signatures = [
        proved("serving_default", function, TEXT, np.array(STRINGS, object)),
        proved("tokens", scores, spec, ids),
    ]
    return signatures, KINDS, (), written(signatures)


@pytest.fixture(scope="session")
def tags(tagger, tokenizer, written):
    """Words of texts."""
    function = text_serving_fn(
        class_scores(tagger), tokenizer, TAGS, tagging=True
    )
    texts = np.array(STRINGS[2:], object)
    signatures = [proved("serving_default", function, TEXT, texts)]
    return signatures, TAGS, (), written(signatures)


def proved(name, function, spec, values):
    """A signature of one input, whose answers are computed eagerly."""
    inputs = {spec.name: values}
    found = [
        Case(given, expected_outputs(function, given))
        for given in (inputs, {spec.name: values[-1:]})
    ]
    return Signature(name, function, {spec.name: spec}, found)


@pytest.fixture(scope="session")
def vector(written):
    """Rows of a table, and labels that are hard to write down."""
    inputs = keras.Input((3,), name="vector")
    model = keras.Model(inputs, layers.Dense(3)(inputs))
    rows = np.array([[14.23, 1.71, 2.43], [0.1, -1e-7, 3e5]], np.float32)
    signatures = array_signatures(model, class_scores(model), {"vector": rows})
    return signatures, GROWERS, COLUMNS, written(signatures)


@pytest.fixture(scope="session")
def named(written):
    """Two inputs by name, and one number as the answer."""
    ages = keras.Input((1,), dtype="int32", name="age")
    sizes = keras.Input((2,), name="size")
    both = layers.Concatenate()([keras.ops.cast(ages, "float32"), sizes])
    model = keras.Model({"age": ages, "size": sizes}, layers.Dense(1)(both))

    def answer(inputs):
        return {"value": model(inputs, training=False)[:, 0]}

    examples = {
        "age": np.array([[30], [4]], np.int32),
        "size": np.array([[1.5, 2], [0.25, -1]], np.float32),
    }
    signatures = array_signatures(model, answer, examples)
    return signatures, (), (), written(signatures)


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Signatures → the folder of a version."""

    def written(signatures):
        folder = tmp_path_factory.mktemp("base") / "1"
        write_saved_model(folder, signatures)
        return folder

    return written


@pytest.fixture(scope="session")
def url_of():
    """Folder of a version → the URL of a server of it, until the end."""
    with contextlib.ExitStack() as stack:
        found = {}

        def url_of(folder):
            if folder not in found:
                model = served_model("m", folder.parent, labels={"stable": 1})
                ports = stack.enter_context(serving(model))
                found[folder] = f"http://127.0.0.1:{ports.rest}"
            return found[folder]

        yield url_of


@pytest.fixture
def client(tmp_path):
    """Kind of input → its client as a module."""

    def client(kind):
        path = tmp_path / "client.py"
        path.write_text(source_of(kind), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("client", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return client
