"""Labels in arrays become names and indices."""

import numpy as np
import pytest

from keras_ptft.data.sources.npz_labels import read_labels
from keras_ptft.errors import UserError


def read(*parts, given=None):
    splits = ("train", "test")[: len(parts)]
    arrays = {
        split: np.array(part) for split, part in zip(splits, parts, strict=True)
    }
    where = {split: f"y_{split}" for split in splits}
    return read_labels(
        arrays, where, None if given is None else np.array(given)
    )


@pytest.mark.parametrize(
    ("labels", "names", "indices"),
    [
        ([10, 9, -1], ("-1", "9", "10"), [2, 1, 0]),
        ([[10], [9]], ("9", "10"), [1, 0]),
        (["007", "10", "9"], ("007", "9", "10"), [0, 2, 1]),
        ([True, False], ("False", "True"), [1, 0]),
        ([b"no", "né".encode()], ("no", "né"), [0, 1]),
    ],
)
def test_names_are_the_values(labels, names, indices):
    found = read(labels)
    assert found.names == names
    assert found.indices["train"].tolist() == indices
    assert found.indices["train"].dtype == np.int64
    assert found.notes == ()


def test_whole_floats_are_whole_numbers():
    found = read([10.0, 9.0], [[9.0]])
    assert found.names == ("9", "10")
    assert found.indices["test"].tolist() == [0]
    assert found.notes == (
        "y_train are floats, which are taken for whole numbers",
        "y_test are floats, which are taken for whole numbers",
    )


def test_one_hot_labels_have_the_names_of_all_columns():
    found = read(np.eye(12, dtype=np.float32)[[11, 2]], np.eye(12)[[2]])
    assert found.names == tuple(map(str, range(12)))
    assert found.indices["train"].tolist() == [11, 2]
    assert found.notes == ("y_train were one-hot", "y_test were one-hot")
    assert read(np.eye(2, dtype=bool), given=["n", "y"]).names == ("n", "y")


def test_given_names_keep_their_order():
    names = ["zebra", "cat", "ant", "bee"]
    found = read(["cat", "ant"], ["bee"], given=names)
    assert found.names == tuple(names)
    assert found.indices["train"].tolist() == [1, 2]
    assert found.indices["test"].tolist() == [3]
    assert read([1, 0], given=["no", "yes"]).indices["train"].tolist() == [1, 0]
    assert read([0, 1], given=[b"no", b"yes"]).names == ("no", "yes")


@pytest.mark.parametrize(
    ("parts", "given", "message"),
    [
        (([0.5, 1],), None, "numbers or text, got 0.5 at example 0: convert"),
        (([1, np.nan],), None, "got nan at example 1"),
        (([1, np.inf],), None, "got inf at example 1"),
        (([1e30, 0],), None, "got 1e\\+30 at example 0"),
        (([1j],), None, "whole numbers or text, got complex128: convert them"),
        ((["a", ""],), None, "must not be empty, got '' at example 1"),
        (([[0, 1], [1, 1]],), None, "one label an .* got 2 of 2 at example 1"),
        (([[0, 0], [0, 1]],), None, "one label an .* got 0 of 2 at example 0"),
        (([[0, 2], [1, 0]],), None, r"shape \(examples,\), got \(2, 2\)"),
        (([["a", "b"]],), None, r"shape \(examples,\), got \(1, 2\)"),
        (([b"\xff"],), None, "must be text in UTF-8, got other bytes"),
        (([0, 2],), ["a", "b"], "from 0 to 1, got 2 at example 1"),
        (([0, -1],), ["a", "b"], "from 0 to 1, got -1 at example 1"),
        ((["a", "c"],), ["a", "b"], "must hold every label, got 'c' in y_tr"),
        (([0, 1], [2]), None, "y_test has label '2', which training lacks"),
    ],
)
def test_what_cannot_be_used(parts, given, message):
    with pytest.raises(UserError, match=message) as caught:
        read(*parts, given=given)
    assert "\n" not in str(caught.value)
