"""Small models of the bundled digits and of texts, and their exports."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits

from keras_ptft.data.text.source import TagSource, TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import learn
from keras_ptft.serving.bundle.warmup import write_warmup
from keras_ptft.serving.export import EXTRA, export
from keras_ptft.serving.signatures.arrays import array_signatures, class_scores
from keras_ptft.serving.signatures.signature import (
    Signature,
    cases,
    write_saved_model,
)
from keras_ptft.serving.signatures.text import text_signatures

KINDS = ("card", "天气")
TAGS = ("O", "卡")
TEXTS = (
    "How do I freeze my card?",
    "please freeze the card now",
    "freeze it",
    "我想冻结我的卡",
    "What is the weather today?",
    "will it rain today",
    "is rain coming",
    "今天天气怎么样",
)
ALL = np.arange(len(TEXTS))
WORDS = np.array([b"\xff\0", "猫".encode(), b"dog"], object)
ROWS = np.array([[1.0, -2.0], [300.0, 0.5], [0.1, 7.0]], np.float32)


def fit(model, inputs, labels, *, rate=0.03, epochs=20):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    model.fit(inputs, labels, epochs=epochs, verbose=0)
    return model


def _token_model(tokenizer, outputs, *, bidirectional=False, per_token=True):
    """ids → logits of each text or token; masked where padded."""
    keras.utils.set_random_seed(0)
    width = () if tokenizer.width == 1 else (tokenizer.width,)
    ids = keras.Input((None, *width), dtype="int32", name="tokens")
    first = ids if not width else ids[..., 0]
    vectors = layers.Embedding(tokenizer.size, 8)(ids)
    if width:
        vectors = keras.ops.mean(vectors, 2)
    rnn = layers.GRU(16, return_sequences=per_token)
    if bidirectional:
        rnn = layers.Bidirectional(rnn)
    features = rnn(vectors, mask=keras.ops.not_equal(first, 0))
    return keras.Model(ids, layers.Dense(outputs)(features))


@pytest.fixture(scope="session")
def token_model():
    """(tokenizer, outputs, ...) → a model of ids, not trained."""
    return _token_model


@pytest.fixture(scope="session")
def digits():
    """Images, uint8 of shape (1797, 8, 8, 1), and their labels."""
    bunch = load_digits()
    images = np.round(bunch.images * 255 / 16).astype(np.uint8)
    return images[..., None], bunch.target


@pytest.fixture(scope="session")
def model(digits):
    """A trained classifier of digits, with dropout and BatchNorm."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1), dtype="uint8", name="image")
    features = layers.Rescaling(1 / 255)(inputs)
    features = layers.Conv2D(16, 3, activation="relu")(features)
    features = layers.BatchNormalization()(features)
    features = layers.Flatten()(features)
    features = layers.Dropout(0.2)(features)
    model = keras.Model(inputs, layers.Dense(10)(features))
    return fit(model, *digits, rate=0.001, epochs=5)


@pytest.fixture(scope="session")
def logits(model, digits):
    return model(digits[0], training=False).numpy()


@pytest.fixture(scope="session")
def digit_signatures(model, digits):
    examples = {"image": digits[0][:50]}
    return array_signatures(model, class_scores(model), examples)


@pytest.fixture(scope="session")
def publish(tmp_path_factory):
    """(signatures, parts) → an export in a new folder."""

    def publish(signatures, **parts):
        base = tmp_path_factory.mktemp("saved_models") / "base"
        return export(base, signatures, parts=parts)

    return publish


@pytest.fixture(scope="session")
def exported(digit_signatures, publish):
    return publish(digit_signatures)


@pytest.fixture(scope="session")
def in_session():
    """(path, name, feeds) → outputs, loaded as TensorFlow Serving loads."""

    def in_session(path, name, **feeds):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            loaded = tf.compat.v1.saved_model.loader.load(
                session, ["serve"], str(path)
            )
            signature = loaded.signature_def[name]
            return session.run(
                {key: info.name for key, info in signature.outputs.items()},
                {signature.inputs[key].name: feeds[key] for key in feeds},
            )

    return in_session


@pytest.fixture(scope="session")
def text_source():
    """Requests in English and Chinese, the second half on the weather."""
    texts = in_memory(text.encode() for text in TEXTS)
    return TextSource(texts, np.repeat([0, 1], 4))


@pytest.fixture(scope="session")
def tokenizer(text_source):
    return learn("characters", lambda: texts_of(text_source), 6)


@pytest.fixture(scope="session")
def text_examples(text_source, tokenizer):
    """Ids of the training pipeline, and the texts they were made of."""
    ids = token_source(text_source, tokenizer).gather(ALL)
    return ids.numpy(), text_source.gather(ALL).numpy()


@pytest.fixture(scope="session")
def text_model(text_examples, tokenizer):
    """A trained classifier of `text_source`."""
    model = _token_model(tokenizer, 2, per_token=False)
    return fit(model, text_examples[0], np.repeat([0, 1], 4), epochs=40)


@pytest.fixture(scope="session")
def text_export(text_model, tokenizer, text_examples, publish):
    signatures = text_signatures(
        text_model, tokenizer, KINDS, *text_examples, tagging=False
    )

    def save(draft):
        tokenizer.save(draft.folder / EXTRA)
        return {}

    return publish(signatures, tokenizer=save)


@pytest.fixture(scope="session")
def tagger(tokenizer):
    """Logits of two tags for each token; not trained."""
    return _token_model(tokenizer, 2, bidirectional=True)


@pytest.fixture(scope="session")
def tagged_examples(tokenizer):
    """Ids and texts of three tagged texts, one longer than is read."""
    texts = ["freeze my card", "a b c d e f g h", "卡"]
    tags = [np.zeros(len(text.split()), np.int32) for text in texts]
    source = TagSource(in_memory(text.encode() for text in texts), tags)
    ids = token_source(source, tokenizer).gather(ALL[:3])
    return ids.numpy(), source.gather(ALL[:3]).numpy()


@pytest.fixture(scope="session")
def make_run():
    """(folder, model, tokenizer) → the folder, with the files of a run."""

    def make_run(folder, model, tokenizer=None):
        folder.mkdir(parents=True)
        model.save(folder / "model.keras")
        if tokenizer is not None:
            tokenizer.save(folder)
        return folder

    return make_run


def _scaling(factor):
    def function(x, word):
        return {
            "scaled": factor * x,
            "length": tf.strings.length(word),
            "word": word,
            "word_bytes": word,
        }

    x, word = (
        tf.TensorSpec((None, 2), tf.float32),
        tf.TensorSpec((None,), tf.string),
    )
    scaled = {"scaled": factor * ROWS}
    outputs = {
        **scaled,
        "length": np.array([2, 3, 3], np.int32),
        "word": WORDS,
        "word_bytes": WORDS,
    }
    return [
        Signature(
            "serving_default",
            function,
            {"x": x, "word": word},
            cases({"x": ROWS, "word": WORDS}, outputs),
        ),
        Signature(
            "alone",
            lambda x: {"scaled": factor * x},
            {"x": x},
            cases({"x": ROWS}, scaled),
        ),
    ]


@pytest.fixture(scope="session")
def make_base(tmp_path_factory):
    """Factor → a folder with version 3, which multiplies by it."""

    def make_base(factor):
        base = tmp_path_factory.mktemp("saved_models") / "scale"
        folder = base / "3"
        signatures = _scaling(factor)
        write_saved_model(folder, signatures)
        (folder / EXTRA).mkdir(exist_ok=True)
        write_warmup(folder / EXTRA, "scale", signatures, (1, 8))
        return base

    return make_base


@pytest.fixture(scope="session")
def base(make_base):
    return make_base(2.0)
