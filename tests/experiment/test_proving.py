"""An export is proved on the test split, by strings where it takes them."""

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.config import Config
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import learn
from keras_ptft.experiment.parts import PARTS
from keras_ptft.experiment.publication import Publication, intake_of
from keras_ptft.experiment.requests import requests
from keras_ptft.experiment.results import RunResult
from keras_ptft.objectives.classification import Classification
from keras_ptft.serving.export import Draft
from keras_ptft.serving.signatures.signature import (
    Signature,
    write_saved_model,
)

TEXTS = [f"{word} the {noun}" for noun in "abcdefghij" for word in ("to", "of")]


def test_requests_are_examples_in_order():
    source = ArraySource(np.arange(20.0).reshape(10, 2), [0] * 10, name="x")
    inputs = keras.Input((2,), name="vector")
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    spec = tf.TensorSpec((None, 2), tf.float32, "given")
    signature = Signature("serving_default", model, {"given": spec}, ())
    found = list(requests(model, signature, source, 4))
    assert [each.keys() for each in found] == [{"given"}] * 3
    assert [len(each["given"]) for each in found] == [4, 4, 2]
    rows = np.concatenate([each["given"] for each in found])
    assert rows.ravel().tolist() == list(range(20))
    (everything,) = requests(model, signature, source, 0)
    assert everything["given"].dtype == np.float32


@pytest.mark.slow
def test_strings_are_proved_and_what_is_left_out_is_told(tmp_path, caplog):
    caplog.set_level(logging.INFO, "keras_ptft")
    texts = TextSource(
        in_memory(text.encode() for text in (*TEXTS, "x" * 99)),
        np.arange(21) % 2,
    )
    tokenizer = learn("words", lambda: texts_of(texts), 8)
    source = token_source(texts, tokenizer)
    dataset = Dataset({"train": source, "test": source}, ("a", "b"), tokenizer)
    objective = Classification(dataset.info)
    keras.utils.set_random_seed(0)
    ids = keras.Input((None,), dtype="int32", name="tokens")
    vectors = keras.layers.Embedding(tokenizer.size, 4)(ids)
    x = keras.layers.GlobalAveragePooling1D()(vectors)
    model = keras.Model(ids, keras.layers.Dense(2, name="logits")(x))
    config = Config(
        prove_with="c_api",
        most_text_bytes=50,
        largest_batch=8,
        prove_examples=15,
    )
    signatures = objective.signatures(model, source, intake_of(config))
    write_saved_model(tmp_path / "1", signatures)
    given = Publication(
        *(tmp_path, config, RunResult(run="a", stage="pretrain")),
        *(model, dataset, objective),
    )
    draft = Draft(tmp_path / "1", tmp_path, signatures)
    ((title, told),) = PARTS["proved"](given, draft).items()
    assert told["requests"]["examples"] == 14
    assert told["requests"]["largest_difference"] <= 1e-5
    assert f"{title} answers 14 of 21 test examples as the Ker" in caplog.text
    assert "Not compared: 1 longer than --most_text_bytes." in caplog.text
    assert "Not compared: 6 more than --prove_examples." in caplog.text
