"""Small models, of the bundled digits and of texts, and their exports."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from keras_ptft import files
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import held
from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import learn
from keras_ptft.models import heads
from keras_ptft.models.embedding import embedding
from keras_ptft.models.rnn import rnn
from keras_ptft.objectives.next_token import next_token
from keras_ptft.objectives.objective import Task
from keras_ptft.serving.export import export
from keras_ptft.serving.verification.expected import examples_of

NAMES = tuple("零一二三四五六七八九")
KINDS = ("card", "天气")


@pytest.fixture(scope="session")
def digits():
    """Images, uint8 of shape (1797, 8, 8, 1), and their labels."""
    bunch = load_digits()
    images = np.round(bunch.images * 255 / 16).astype(np.uint8)
    return images[..., None], bunch.target


@pytest.fixture(scope="session")
def model(digits):
    """A classifier of digits, trained as part of a compiled model."""
    images, labels = digits
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1), dtype="uint8", name="image")
    features = keras.layers.Rescaling(1 / 255)(inputs)
    features = keras.layers.Conv2D(16, 3, activation="relu")(features)
    features = keras.layers.BatchNormalization()(features)
    features = keras.layers.Flatten()(features)
    features = keras.layers.Dropout(0.2)(features)
    outputs = keras.layers.Dense(10)(features)
    training = keras.Model(inputs, outputs)
    training.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,
    )
    training.fit(images, labels, epochs=5, verbose=0)
    return keras.Model(inputs, outputs)


@pytest.fixture(scope="session")
def logits(model, digits):
    return model(digits[0], training=False).numpy()


@pytest.fixture(scope="session")
def exported(model, digits, tmp_path_factory):
    base = tmp_path_factory.mktemp("saved_models") / "digits"
    return export(model, base, label_names=NAMES, examples=digits[0][:50])


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


@pytest.fixture(scope="session")
def text_source():
    """A few requests in English and Chinese, the second half on weather."""
    texts = held(text.encode() for text in TEXTS)
    return TextSource(texts, np.repeat([0, 1], 4))


@pytest.fixture(scope="session")
def tokenizer(text_source):
    return learn("characters", lambda: texts_of(text_source), 6)


@pytest.fixture(scope="session")
def text_model(text_source, tokenizer):
    """A classifier of `text_source`, trained."""
    keras.utils.set_random_seed(0)
    source = token_source(text_source, tokenizer)
    backbone = embedding(source.spec, tokenizer.size, width=8)
    model = heads.on(
        backbone, "features", lambda x: heads.classify(x, len(KINDS))
    )
    model.compile(
        keras.optimizers.Adam(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    ids = source.gather(tf.range(8, dtype=tf.int64))
    model.fit(ids, text_source.labels, epochs=20, verbose=0)
    return model


@pytest.fixture(scope="session")
def tagger(tokenizer):
    """Says something of each token; not trained."""
    keras.utils.set_random_seed(0)
    spec = tf.TensorSpec((None,), tf.int32, "tokens")
    backbone = rnn(spec, tokenizer.size, units=8, bidirectional=True)
    return heads.on(backbone, "sequence", lambda x: heads.per_token(x, 2))


@pytest.fixture(scope="session")
def make_run():
    """(folder, model, tokenizer, label names) → a complete run folder."""

    def make(folder, model, tokenizer, names):
        folder.mkdir()
        model.save(folder / "model.keras")
        tokenizer.save(folder)
        files.write_json(folder / "labels.json", list(names))
        (folder / "flags.flags").write_text("")
        files.write_json(folder / "result.json", {"status": "complete"})
        return folder

    return make


@pytest.fixture(scope="session")
def text_run(text_model, tokenizer, make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "cards"
    return make_run(folder, text_model, tokenizer, KINDS)


@pytest.fixture(scope="session")
def writer(make_run, tmp_path_factory):
    """A run folder of a language model that has learned `abcd abcd`."""
    keras.utils.set_random_seed(0)
    text = tf.constant(["abcd " * 40])
    tokenizer = learn("characters(all=True)", lambda: [text], 6)
    task = Task(vocabulary=tokenizer.vocabulary, sequence_length=6)
    spec = tf.TensorSpec((None,), tf.int32, "tokens")
    backbone = rnn(spec, tokenizer.size, cell="gru", units=16, width=8)
    model = next_token(task).assemble(backbone)
    model.compile(
        keras.optimizers.Adam(0.03),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    ids = tokenizer(text).to_tensor()[0]
    windows = tf.signal.frame(ids, 7, 1)
    model.fit(windows[:, :-1], windows[:, 1:], epochs=20, verbose=0)
    folder = tmp_path_factory.mktemp("runs") / "writer"
    return make_run(folder, model, tokenizer, ())


@pytest.fixture(scope="session")
def text_export(text_model, text_source, tokenizer, tmp_path_factory):
    base = tmp_path_factory.mktemp("saved_models") / "cards"
    source = token_source(text_source, tokenizer)
    examples, texts = examples_of(source, tokenizer)
    return export(
        text_model, base, label_names=KINDS, examples=examples, texts=texts
    )
