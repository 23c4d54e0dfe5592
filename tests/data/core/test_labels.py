import pytest

from keras_ptft.data.core.labels import (
    alike,
    are_numbers,
    encode_labels,
    sorted_names,
)
from keras_ptft.errors import UserError


@pytest.mark.parametrize(
    "names, expected",
    [
        (["10", "2", "0", "2"], ("0", "2", "10")),
        (["007", "42", "100", "042"], ("007", "042", "42", "100")),
        (["-1", "3", "+2"], ("-1", "+2", "3")),
        (["10", "2", "x"], ("10", "2", "x")),
        (["1.5", "0.5"], ("0.5", "1.5")),
        (["b", "a"], ("a", "b")),
        ([], ()),
    ],
)
def test_names_are_sorted_as_what_they_are(names, expected):
    assert sorted_names(names) == expected


def test_a_label_is_the_text_of_the_file():
    parts = {"train": ["042", "007", "042"], "test": ["007"]}
    codes, names = encode_labels(parts, {"test": "test.csv"})
    assert names == ("007", "042")
    assert {k: v.tolist() for k, v in codes.items()} == {
        "train": [1, 0, 1],
        "test": [0],
    }


@pytest.mark.parametrize(
    "label, told",
    [("Red", 'did you mean "red"'), ("RED", 'mean "red"'), ("xyz", "lacks:")],
)
def test_a_label_that_training_lacks(label, told):
    parts = {"train": ["red", "blue"], "test": ["red", label]}
    with pytest.raises(UserError, match=f"test.csv has label.*{told}"):
        encode_labels(parts, {"test": "test.csv"})


def test_only_whole_numbers_are_numbers():
    assert are_numbers(["1", "-2", "007"])
    assert not are_numbers(["1", "2.0"])
    assert not are_numbers([])


def test_names_that_look_alike():
    assert alike(("1", "01", "a", "A ", "b")) == [("1", "01"), ("a", "A ")]
    assert alike(("cat", "dog")) == []
