import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.signatures.signature import (
    Signature,
    cases,
    write_saved_model,
)


def test_cases_are_all_rows_the_first_and_the_last():
    inputs = {"a": np.arange(6).reshape(3, 2), "b": np.arange(3)}
    found = cases(inputs, {"c": np.array([b"x", b"y", b"z"], object)})
    assert [case.inputs["b"].tolist() for case in found] == [
        [0, 1, 2],
        [0],
        [2],
    ]
    assert found[2].inputs["a"].tolist() == [[4, 5]]
    assert [case.outputs["c"].tolist() for case in found][1:] == [
        [b"x"],
        [b"z"],
    ]


def test_outputs_are_trimmed_to_what_a_case_has():
    lengths = np.array([1, 3])

    def trim(inputs, outputs):
        return {"y": outputs["y"][:, : inputs["n"].max()]}

    found = cases({"n": lengths}, {"y": np.ones((2, 4))}, trim)
    assert [case.outputs["y"].shape for case in found] == [
        (2, 3),
        (1, 1),
        (1, 3),
    ]


def test_no_rows_verify_nothing():
    with pytest.raises(UserError, match=r"at least 1 example .* got 0"):
        cases({"x": np.ones((0, 3))}, {"y": np.ones((0, 2))})


def test_inputs_keep_their_names_in_any_order(tmp_path, in_session):
    specs = {
        "z": tf.TensorSpec((None, 2), tf.float32),
        "a": tf.TensorSpec((None,), tf.string, "another name"),
    }

    def function(z, a):
        return {"sum": tf.reduce_sum(z, 1), "length": tf.strings.length(a)}

    signature = Signature("measure", function, specs, ())
    write_saved_model(tmp_path, [signature])
    found = in_session(tmp_path, "measure", a=["abc"], z=[[1.0, 2.0]])
    assert {k: v.tolist() for k, v in found.items()} == {
        "sum": [3],
        "length": [3],
    }
