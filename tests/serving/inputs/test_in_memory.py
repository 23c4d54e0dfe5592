"""Inputs that are in memory become the batches that files do."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.inputs.arrays import input_batches
from keras_ptft.serving.inputs.in_memory import as_given, given_batches
from keras_ptft.serving.inputs.options import InputOptions
from keras_ptft.serving.inputs.texts import text_batches

VECTOR = tf.TensorSpec((2,), tf.float32, "vector")
TEXT = tf.TensorSpec((), tf.string, "text")
IMAGE = tf.TensorSpec((2, 2, 1), tf.uint8, "image")
AGES = InputOptions(columns=("age", "size"))


def batches(inputs, spec, options=InputOptions(), **more):  # noqa: B008
    return list(given_batches(as_given(inputs), spec, options, **more))


def message(inputs, spec, options=AGES):
    with pytest.raises(UserError) as caught:
        batches(inputs, spec, options)
    return str(caught.value)


class Frame:
    """What a DataFrame has in common with a dict."""

    def __init__(self, columns):
        self._columns = columns

    def keys(self):
        return self._columns.keys()

    def __iter__(self):
        return iter(self._columns)

    def __getitem__(self, name):
        return np.array(self._columns[name])


@pytest.mark.parametrize("kind", [dict, Frame])
def test_columns_are_those_of_a_file(kind, tmp_path):
    columns = {
        "size": [1.5, 2.0, 3.0],
        "age": [31, 40, 50],
        "name": list("abc"),
    }
    (tmp_path / "x.csv").write_text(
        "size,age,name\n1.5,31,a\n2.0,40,b\n3.0,50,c\n"
    )
    found = batches(kind(columns), VECTOR, AGES, batch_size=2)
    read = list(input_batches([tmp_path / "x.csv"], VECTOR, AGES, batch_size=2))
    assert [names for names, _ in found] == [
        ["inputs[0]", "inputs[1]"],
        ["inputs[2]"],
    ]
    for (_, mine), (_, theirs) in zip(found, read, strict=True):
        assert mine.dtype == theirs.dtype == np.float32
        assert mine.tolist() == theirs.tolist()
    assert found[0][1].tolist() == [[31.0, 1.5], [40.0, 2.0]]


def test_columns_of_texts_are_joined_as_in_a_file(tmp_path):
    columns = {"title": ["A", "B"], "text": ["one", "two"]}
    (tmp_path / "x.tsv").write_text("title\ttext\nA\tone\nB\ttwo\n")
    options = InputOptions(columns=("title", "text"))
    ((names, found),) = batches(columns, TEXT, options)
    ((_, read),) = text_batches(
        [tmp_path / "x.tsv"], trained_columns=("title", "text")
    )
    assert (
        found.tolist()
        == read.tolist()
        == [
            "A ␞ one".encode(),
            "B ␞ two".encode(),
        ]
    )
    assert names == ["A ␞ one", "B ␞ two"]


def test_several_inputs_come_by_name():
    specs = {"image": IMAGE, "age": tf.TensorSpec((), tf.float32, "age")}
    columns = {"image": np.zeros((3, 2, 2), np.uint8), "age": [1, 2, 3]}
    ((names, found),) = batches(columns, specs)
    assert names == ["inputs[0]", "inputs[1]", "inputs[2]"]
    assert found["image"].shape == (3, 2, 2, 1)
    assert found["age"].tolist() == [1.0, 2.0, 3.0]


class Series(list):
    """What a Series has in common with a list; its keys are its rows."""

    ndim = 1

    def keys(self):
        return range(len(self))


def test_a_column_alone_is_a_list_of_texts():
    assert as_given(Series(["a", "b"])) == ["a", "b"]


def test_paths_and_texts_stay_what_they_are(tmp_path):
    assert as_given("a text") == ["a text"]
    assert as_given(tmp_path) == [tmp_path]
    assert as_given(np.array(["a", "b"])) == ["a", "b"]
    assert as_given(np.array(["a", "b"], object)) == ["a", "b"]
    assert as_given([]) == []


@pytest.mark.parametrize(
    "inputs, spec, words",
    [
        ({"age": [1], "sise": [2]}, VECTOR, "no column 'size' (did you mean"),
        (
            {"age": [1, 2], "size": [2]},
            VECTOR,
            "columns of one axis and of",
        ),
        ({"age": ["x"], "size": [2]}, VECTOR, "inputs, row 1, column 'age'"),
        ({"age": [[1]], "size": [[2]]}, VECTOR, "got 'age' of shape (1, 1)"),
        (np.zeros((3, 5)), VECTOR, "Expected shape (2,)"),
        (
            np.zeros((3, 5)),
            TEXT,
            "takes a list of texts, got an array",
        ),
        ({"a": [1]}, {"a": VECTOR, "b": VECTOR}, "The model takes a, b, got"),
        (np.array([{}, []], object), VECTOR, "array of Python objects"),
        (3, VECTOR, "or columns by name, got 3: give one of these"),
    ],
    ids=[
        "name",
        "length",
        "text",
        "axes",
        "shape",
        "texts",
        "named",
        "objects",
        "number",
    ],
)
def test_what_does_not_fit_is_told(inputs, spec, words):
    assert words in message(inputs, spec)


def test_inputs_of_a_model_have_as_many_examples():
    specs = {"a": VECTOR, "b": VECTOR}
    columns = {"a": np.zeros((2, 2)), "b": np.zeros((3, 2))}
    assert "got 2 and 3: correct them" in message(columns, specs)
