"""Limits of requests, in the graph."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.serving.signatures.intake import Intake, limited
from keras_ptft.serving.signatures.signature import (
    Signature,
    cases,
    write_saved_model,
)

TEXTS = np.array([b"a", b"four", "北".encode(), b""], object)
SMALL = Intake(largest_batch=3, most_text_bytes=3)
TOO_MANY = "at most 3 examples in a request, got 4: send .*--largest_batch"
TOO_LONG = "at most 3 bytes, got 4 in row 1: shorten .*--most_text_bytes"


def lengths(texts):
    return {"length": tf.strings.length(texts)}


def of_texts(intake):
    spec = tf.TensorSpec((None,), tf.string, "text")
    proofs = cases({"text": TEXTS}, {"length": np.array([1, 4, 3, 0])})
    found = Signature("serving_default", lengths, {"text": spec}, proofs)
    return limited(found, intake)


def test_cases_beyond_the_limits_are_cut_or_left_out():
    found = of_texts(SMALL).cases
    assert [case.inputs["text"].tolist() for case in found] == [
        [b"a", "北".encode(), b""],
        [b"a"],
        [b""],
    ]
    by_one = of_texts(Intake(largest_batch=1)).cases
    assert [len(case.inputs["text"]) for case in by_one] == [1] * 6
    assert len(of_texts(Intake(largest_batch=0)).cases[0].inputs["text"]) == 4


def test_tagged_words_of_a_part_are_padded_to_its_longest_text():
    spec = tf.TensorSpec((None,), tf.string, "text")
    words = np.array([[b"a", b""], [b"b", b"c"]], object)
    texts = np.array([b"a", b"b c"], object)
    proofs = cases({"text": texts}, {"words": words})
    whole = Signature("serving_default", lengths, {"text": spec}, proofs)
    first, *_ = limited(whole, Intake(largest_batch=1)).cases
    assert first.outputs["words"].tolist() == [[b"a"]]


@pytest.mark.parametrize(
    ("texts", "told"),
    [(TEXTS[[0] * 4], TOO_MANY), (TEXTS[:3], TOO_LONG)],
    ids=["batch", "text"],
)
def test_a_session_tells_what_is_beyond_a_limit(
    tmp_path, in_session, texts, told
):
    write_saved_model(tmp_path, [of_texts(SMALL)])
    with pytest.raises(tf.errors.InvalidArgumentError, match=told):
        in_session(tmp_path, "serving_default", text=texts)
    found = in_session(tmp_path, "serving_default", text=TEXTS[[0, 2, 3]])
    assert found["length"].tolist() == [1, 3, 0]


def test_none_and_the_least_are_allowed():
    function = of_texts(Intake(most_text_bytes=0, largest_batch=0)).function
    assert function(tf.constant(TEXTS))["length"].numpy().sum() == 8
    nothing = of_texts(SMALL).function(tf.constant([], tf.string))
    assert nothing["length"].shape == (0,)


def test_a_column_of_numbers_may_be_called_text():
    spec = tf.TensorSpec((None,), tf.float32, "text")
    proofs = cases({"text": np.ones(9)}, {"y": np.ones(9)})
    found = Signature("columns", lambda x: {"y": x}, {"text": spec}, proofs)
    assert len(limited(found, SMALL).cases[0].inputs["text"]) == 3
    assert limited(found, SMALL).function(tf.ones(2))["y"].shape == (2,)
