"""The most probable label of an answer."""

import numpy as np
import tensorflow as tf

from keras_ptft.serving.signatures.arrays import class_scores
from keras_ptft.serving.signatures.labels import (
    is_ambiguous,
    labelled,
    trimmed,
)


def test_the_best_label_by_hand():
    # logits of 9/10 and 1/4, halved by the temperature
    logits = tf.math.log([[9.0, 1.0], [1.0, 81.0]])

    def model(inputs, training):
        assert not training
        return inputs

    outputs = labelled(class_scores(model, 2.0), ("cat", "狗"))(logits)
    names = [name.decode() for name in outputs["label"].numpy()]
    assert names == ["cat", "狗"]
    np.testing.assert_allclose(outputs["score"], [0.75, 0.9], rtol=1e-6)
    assert outputs["score"].dtype == tf.float32
    np.testing.assert_array_equal(outputs["logits"], logits)


def test_of_equal_logits_the_first_counts_and_is_no_doubt():
    rows = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-6], [1e6, 1e6 + 1], [1, 2]])
    assert is_ambiguous({"logits": rows}).tolist() == [0, 1, 1, 0]


def test_padding_of_words_is_no_doubt():
    logits = np.array([[[1.0, 2.0], [1.0, 1.0 + 1e-6]]] * 2)
    words = np.array([[b"a", b""], [b"a", b"b"]], object)
    outputs = {"logits": logits, "words": words}
    assert is_ambiguous(outputs).tolist() == [False, True]
    first = {name: rows[:1] for name, rows in outputs.items()}
    assert trimmed(first)["logits"].tolist() == [[[1.0, 2.0]]]
