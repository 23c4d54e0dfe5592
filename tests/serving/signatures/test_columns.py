"""Tables that are sent column by column."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.serving.signatures.columns import (
    column_inputs,
    column_signature,
    is_table,
)
from keras_ptft.serving.signatures.signature import (
    Signature,
    cases,
    write_saved_model,
)

NAMES = ("sepal length (cm)", "2nd", "class", "self", "a-b", "A b", "长度")


def weighed(vector):
    return {"sum": tf.linalg.matvec(vector, tf.range(1.0, len(NAMES) + 1))}


def default(count=7, rows=20):
    vectors = np.arange(rows * count, dtype=np.float32).reshape(rows, count)
    spec = tf.TensorSpec((None, count), tf.float32, "vector")
    sums = vectors @ np.arange(1, count + 1, dtype=np.float32)
    proofs = cases({"vector": vectors}, {"sum": sums})
    return Signature("serving_default", weighed, {"vector": spec}, proofs)


def test_names_are_letters_digits_and_underscores():
    assert list(column_inputs(NAMES)) == [
        *("sepal_length_cm", "column_2nd", "class_", "self_"),
        *("a_b", "A_b_2", "column_7"),
    ]
    # a name that is made is not taken from a column that has it
    assert column_inputs(["a b", "a-b", "a_b_2"]) == {
        "a_b": "a b",
        "a_b_2": "a-b",
        "a_b_2_2": "a_b_2",
    }


def test_a_session_takes_columns_in_any_order(tmp_path, in_session):
    whole = default()
    found = column_signature(whole, NAMES)
    write_saved_model(tmp_path, [whole, found])
    given = found.cases[0].inputs
    assert len(given["class_"]) == 16
    backwards = dict(reversed(given.items()))
    outputs = in_session(tmp_path, "columns", **backwards)
    expected = whole.cases[0].outputs["sum"][:16]
    np.testing.assert_array_equal(outputs["sum"], expected)


def test_wide_tables_have_no_columns(caplog):
    caplog.set_level("INFO")
    assert column_signature(default(201), ["x"] * 201) is None
    assert "201 columns, signature columns is for at most 200" in caplog.text


@pytest.mark.parametrize(
    ("columns", "expected"),
    [(NAMES, True), (NAMES[1:], False), ((), False)],
    ids=["as many", "fewer", "none"],
)
def test_a_table_has_a_column_for_each_number(columns, expected):
    assert is_table(default(), columns) is expected
