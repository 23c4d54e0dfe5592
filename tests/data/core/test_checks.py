import re

import numpy as np
import pytest

from keras_ptft.data import checked
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.checks import uncovered
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.errors import UserError
from tests.data.core.small import numbered

AB = ("a", "b")


def pixels(values, labels):
    images = np.array(values, np.uint8)[:, None, None, None]
    images = np.broadcast_to(images, (len(values), 4, 4, 1)).copy()
    return ArraySource(images, labels)


def open_data(names, scoring=False, **splits):
    loading = Loading(scoring=scoring)
    return checked(Dataset(splits, names), "given", loading)


LACKS = {
    "no train": (AB, {"test": numbered([0, 1])}, "must have a train split"),
    "empty": (
        AB,
        {"train": numbered([0, 1]), "test": numbered([])},
        "has no test examples",
    ),
    "one class": (
        ("a",),
        {"train": numbered([0, 0])},
        "at least two classes, got only 'a'",
    ),
    "a name twice": (
        ("a", "a"),
        {"train": numbered([0, 1])},
        "got 'a' twice: rename one",
    ),
    "no name": (AB, {"train": numbered([0, 2])}, "from 0 to 1, got 2"),
    "untrained": (
        ("red", "Red", "blue"),
        {"train": numbered([0, 2]), "test": numbered([0, 1], 9)},
        "The test split has label 'Red', which training lacks .*\"red\"",
    ),
    "untrained in validation": (
        AB,
        {"train": numbered([0, 0]), "validation": numbered([1], 9)},
        "The validation split has label 'b', which training lacks",
    ),
    "other inputs": (
        AB,
        {
            "train": numbered([0, 1]),
            "test": ArraySource(np.eye(2), [0, 1], name="vector"),
        },
        "must have the same inputs, got .* in test and .* in train",
    ),
    "one group in two splits": (
        AB,
        {
            "train": numbered([0, 1], 0, [7, 8]),
            "test": numbered([0, 1], 5, [9, 8]),
        },
        "1 of 2 test examples belong to a group .* as example 1: put",
    ),
    "one input": (
        AB,
        {"train": pixels([0] * 300, [0, 1] * 150)},
        "All 300 train inputs .* are the same, as example 0",
    ),
    "one text": (
        AB,
        {"train": TextSource(in_memory([b"a"] * 4), [0, 1, 0, 1])},
        "All 4 train inputs .* are the same",
    ),
    "not finite": (
        AB,
        {
            "train": ArraySource(
                np.array([[0.0], [np.nan]]), [0, 1], name="vector"
            )
        },
        "must be finite, got NaN",
    ),
}


@pytest.mark.parametrize("kind", LACKS)
def test_data_that_no_model_can_learn_from(kind):
    names, splits, told = LACKS[kind]
    with pytest.raises(UserError, match=told) as caught:
        open_data(names, **splits)
    assert "\n" not in str(caught.value)


def test_one_that_differs_among_many_is_enough():
    values = [0] * 300
    # between those that are looked at first
    values[7] = 1
    test = pixels([5, 6], [0, 1])
    dataset = open_data(AB, train=pixels(values, [0, 1] * 150), test=test)
    assert len(dataset.splits["train"]) == 300


def test_images_of_one_colour_are_told_of():
    dataset = open_data(AB, train=pixels(range(40), [0, 1] * 20))
    (note,) = dataset.notes
    assert note.startswith("32 of 32 train inputs that were looked at have")


def test_vectors_of_one_number_are_no_constants():
    assert open_data(AB, train=numbered([0, 1] * 20)).notes == ()


def test_names_that_look_alike_are_told_of():
    dataset = open_data(("Red", "blue", "red"), train=numbered([0, 1, 2] * 9))
    assert dataset.notes == (
        "classes that look alike are kept apart: 'Red' and 'red'",
    )


def test_a_split_that_lacks_classes_is_told_of():
    names = tuple(f"c{n}" for n in range(30))
    splits = {"train": numbered(range(28)), "test": numbered([0, 1], 50)}
    train, test = uncovered(Dataset(splits, names))
    assert train == "2 of 30 classes have no training examples: c28, c29"
    assert re.match("28 of 30 classes have no test examples: c2, c3", test)
    assert test.endswith("c21 and 8 more")
    assert uncovered(Dataset(splits, ())) == ()


def test_what_a_model_is_scored_on_needs_no_training_split():
    dataset = open_data(AB, scoring=True, test=numbered([0, 0]))
    assert list(dataset.splits) == ["test"]
    one = open_data(("a",), scoring=True, test=numbered([0]))
    assert one.label_names == ("a",)


def test_labels_that_contradict_each_other_are_told_of():
    inputs = np.repeat(np.arange(15.0, dtype=np.float32), 2)[:, None]
    labels = [0, 1, *[0] * 14, *[1] * 14]
    dataset = open_data(AB, train=ArraySource(inputs, labels, name="vector"))
    assert dataset.notes == (
        "2 of 30 train examples have the same content as others of another "
        "label",
    )


def test_measurements_are_no_classes():
    names = tuple(f"{n}.5" for n in range(30))
    (note,) = open_data(names, train=numbered(range(30))).notes
    assert note.startswith("30 classes for 30 examples: numbers that were")
