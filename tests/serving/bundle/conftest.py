"""Exports of every kind of input, each served as TensorFlow Serving does."""

import contextlib

import keras
import numpy as np
import pytest
from keras import layers

from keras_ptft.serving.signatures.answers import array_answers
from keras_ptft.serving.signatures.arrays import array_signatures, class_scores
from keras_ptft.serving.signatures.signature import write_saved_model
from keras_ptft.serving.signatures.text import text_signatures
from tests.serving.bundle.rest import serving
from tests.serving.conftest import KINDS, TAGS

DIGITS = tuple(map(str, range(10)))
GROWERS = ('say "cheese"', "it's\n\\n {{ x }}", "意大利 🍷")
COLUMNS = ("alcohol", "malic acid", "ash")


@pytest.fixture(scope="session")
def image(digit_signatures, exported):
    """Images: signatures, labels, columns, and the version's folder."""
    return digit_signatures, DIGITS, (), exported.path


@pytest.fixture(scope="session")
def text(text_model, tokenizer, text_examples, text_export):
    """Texts, some of which are no UTF-8."""
    signatures = text_signatures(
        text_model, tokenizer, KINDS, *text_examples, tagging=False
    )
    return signatures, KINDS, (), text_export.path


@pytest.fixture(scope="session")
def tags(tagger, tokenizer, tagged_examples, written):
    """Words of texts."""
    signatures = text_signatures(
        tagger, tokenizer, TAGS, *tagged_examples, tagging=True
    )
    return signatures, TAGS, (), written(signatures)


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
    signatures = array_answers(model, answer, examples)
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
                found[folder] = stack.enter_context(serving("m", folder))
            return found[folder]

        yield url_of
