"""Arrays in JSON, by the rules of TensorFlow Serving's json_tensor.cc.

Each expected value and refusal was worked out by hand from that file.
"""

import json

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.serving.model_server.json_tensors import (
    column_answer,
    read_inputs,
    row_answer,
)
from keras_ptft.serving.model_server.statuses import HTTP, StatusError

INFINITY = float("inf")


def read(values, dtype, *, by="inputs"):
    """What a signature of one input, of any shape, is given."""
    specs = {"x": tf.TensorSpec(None, dtype)}
    return read_inputs({by: values}, specs)["x"]


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("float32", [1, 2.5], [1.0, 2.5]),
        # the nearest of 24 bits
        ("float32", [0.1], [np.float32(0.1)]),
        ("float32", [16777215], [16777215.0]),
        ("float32", [INFINITY, -INFINITY], [INFINITY, -INFINITY]),
        # too large for 64 bits, it is read as 1e20
        ("float32", [10**20], [1e20]),
        ("float64", [2**53 - 1], [2.0**53 - 1]),
        ("uint8", [0, 255], [0, 255]),
        ("int32", [-(2**31), 2**31 - 1], [-(2**31), 2**31 - 1]),
        ("int64", [2**63 - 1], [2**63 - 1]),
        ("uint64", [2**64 - 1], [2**64 - 1]),
        ("bool", [True, False], [True, False]),
        ("int32", 7, 7),
        ("int32", [], []),
        ("int32", [[], []], [[], []]),
        ("float32", [[[1], [2]]], [[[1.0], [2.0]]]),
    ],
    ids=range(15),
)
def test_numbers(dtype, values, expected):
    found = read(values, dtype)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.array(expected, dtype))
    assert found.shape == np.shape(expected)


def test_strings_and_base64():
    given = ["a", "猫", {"b64": "/wA="}, {"b64": "/wA"}, {"b64": "/w\nA="}, ""]
    assert read(given, "string").tolist() == [
        *(b"a", "猫".encode(), b"\xff\0", b"\xff\0", b"\xff\0", b""),
    ]
    assert read({"b64": "YQ=="}, "string").tolist() == b"a"


@pytest.mark.parametrize(
    ("dtype", "values", "told"),
    [
        ("float32", ["1"], 'JSON Value: "1" is not of expected type: float32'),
        ("float32", [True], "JSON Value: true is not of expected type"),
        ("float32", [None], "JSON Value: null is not of expected type"),
        ("float32", [{"b64": "YQ=="}], "is not of expected type: float32"),
        # 2 to the power of 24, as the first one
        ("float32", [16777216], "16777216 to float32 without loss"),
        ("float32", [-16777216], "-16777216 to float32 without loss"),
        ("float64", [2**53], "to float64 without loss"),
        ("float32", [3.5e38], "3.5e\\+38 to float32 without loss"),
        ("float64", [10**400], "to float64 without loss"),
        ("int32", [1.0], "1.0 is not of expected type: int32"),
        ("int32", [2**31], "2147483648 is not of expected type: int32"),
        ("int64", [2**63], "9223372036854775808 is not of expected type"),
        ("int32", [True], "true is not of expected type: int32"),
        # TensorFlow Serving would keep 44
        ("uint8", [300], "300 is not of expected type: uint8"),
        ("uint8", [-1], "-1 is not of expected type: uint8"),
        ("bool", [1], "1 is not of expected type: bool"),
        ("string", [1], "1 is not of expected type: string"),
        ("string", [{"b64": 1}], "not formatted correctly for base64"),
        ("string", [{"b64": "YQ==", "x": 1}], "formatted correctly for base"),
        ("string", [{"b64": "?"}], "Unable to base64 decode"),
        ("string", [{"b64": "YQ=Q"}], "Unable to base64 decode"),
        ("string", ["\ud800"], "JSON Parse error"),
        # ragged, one way and the other
        (
            "int32",
            [[1, 2], [3]],
            "unexpected size: 1 at level: 1 expected size",
        ),
        ("int32", [[1], 2], "2 found at incorrect level: 2 in the JSON DOM"),
        ("int32", [1, [2]], "list at unexpected level: 1 expected < 1"),
        ("int32", [[], [1]], "unexpected size: 1 at level: 1 expected size: 0"),
    ],
    ids=range(26),
)
def test_what_is_refused(dtype, values, told):
    with pytest.raises(StatusError, match=told) as caught:
        read(values, dtype)
    assert HTTP[caught.value.code] == 400


def test_a_type_that_json_has_not():
    with pytest.raises(StatusError, match="to type: complex64") as caught:
        read([1], "complex64")
    assert HTTP[caught.value.code] == 501


def test_lists_without_an_end():
    nested = []
    for _ in range(200):
        nested = [nested]
    with pytest.raises(StatusError, match="nested deeper than 32"):
        read(nested, "int32")


TWO = {
    "x": tf.TensorSpec(None, tf.float32),
    "y": tf.TensorSpec(None, tf.string),
}


def test_rows_of_several_inputs():
    rows = [{"x": [1, 2], "y": "a"}, {"y": {"b64": "Yg=="}, "x": [3, 4]}]
    found = read_inputs({"instances": rows}, TWO)
    np.testing.assert_array_equal(found["x"], [[1, 2], [3, 4]])
    assert found["y"].tolist() == [b"a", b"b"]


def test_rows_of_one_input_need_no_name():
    for rows in ([{"x": 1}, {"x": 2}], [1, 2]):
        assert read(rows, "int32", by="instances").tolist() == [1, 2]
    rows = [{"b64": "YQ=="}, "b"]
    assert read(rows, "string", by="instances").tolist() == [b"a", b"b"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (1, "Excepting 'instances' to be an list/array"),
        ([], "No values in 'instances' array"),
        ([1, {"x": 1}], "item 1 differs"),
        ([{"x": 1}, 1], "item 1 differs"),
        ([{"y": 1}], "element: 0 of 'instances' list.* equal to: x"),
        ([{"x": 1}, {"x": 1, "y": 2}], "element: 1 of 'instances' list"),
        ([{"x": [1]}, {"x": [1, 2]}], "unexpected size: 2"),
    ],
    ids=range(7),
)
def test_rows_that_are_refused(rows, told):
    with pytest.raises(StatusError, match=told):
        read(rows, "int32", by="instances")


OUTPUTS = {
    # 1/3 of 24 bits in its shortest decimals
    "third": np.array([1 / 3, 2.0], np.float32),
    "wide": np.array([[1 / 3], [1e300]]),
    "half": np.array([0.1, 65504], np.float16),
    "count": np.array([1, -2]),
    "is": np.array([True, False]),
    "word": np.array([b"a", "猫".encode()], object),
    "word_bytes": np.array([b"a\0", b"\xff"], object),
}


def test_answers_in_rows():
    (first, second) = row_answer(OUTPUTS)["predictions"]
    assert json.dumps(first, ensure_ascii=False) == (
        '{"third": 0.33333334, "wide": [0.3333333333333333], '
        '"half": 0.099975586, "count": 1, "is": true, "word": "a", '
        '"word_bytes": {"b64": "YQA="}}'
    )
    assert json.dumps(second, ensure_ascii=False) == (
        '{"third": 2.0, "wide": [1e+300], "half": 65504.0, "count": -2, '
        '"is": false, "word": "猫", "word_bytes": {"b64": "/w=="}}'
    )


def test_a_single_output_has_no_name():
    third = {"third": OUTPUTS["third"]}
    assert row_answer(third) == {"predictions": [0.33333334, 2.0]}
    assert column_answer(third) == {"outputs": [0.33333334, 2.0]}
    assert set(column_answer(OUTPUTS)["outputs"]) == set(OUTPUTS)


def test_numbers_that_are_not_finite():
    x = np.array([np.nan, np.inf, -np.inf], np.float32)
    text = json.dumps(column_answer({"x": x}))
    assert text == '{"outputs": [NaN, Infinity, -Infinity]}'


def test_every_float_comes_back_as_itself():
    bits = np.random.default_rng(0).integers(0, 2**32, 20_000, np.uint32)
    given = bits.view(np.float32)
    given = given[np.isfinite(given)]
    text = json.dumps(column_answer({"x": given}))
    found = np.array(json.loads(text)["outputs"]).astype(np.float32)
    np.testing.assert_array_equal(found.view(np.uint32), given.view(np.uint32))
    # and as an input
    read_again = read(json.loads(text)["outputs"], "float32")
    np.testing.assert_array_equal(read_again, given)


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ({"a": np.array(1.0)}, "name: a has no shape information"),
        (
            {"a": np.zeros(2), "b": np.zeros(3)},
            "name: b has inconsistent batch size: 3 expecting: 2",
        ),
    ],
    ids=range(2),
)
def test_outputs_that_make_no_rows(outputs, told):
    with pytest.raises(StatusError, match=told):
        row_answer(outputs)
    assert "outputs" in column_answer(outputs)
