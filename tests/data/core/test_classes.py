import re

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.classes import (
    leave_untrained,
    number_as_trained,
    select_classes,
)
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.text.source import TagSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.errors import UserError
from tests.data.core.small import made, numbered


@pytest.fixture(scope="module")
def real():
    return load("digits", Loading(image_size=8))


@pytest.mark.parametrize(
    "classes, names",
    [
        ("0-4", "01234"),
        ("5-9", "56789"),
        ("9, 1,3,1", "139"),
        ("0-1,8-9,4", "01489"),
    ],
)
def test_classes_by_index(real, classes, names):
    chosen = select_classes(real, classes)
    assert chosen.label_names == tuple(names)
    for split, source in chosen.splits.items():
        before = real.splits[split].labels
        kept = [n for n in before.tolist() if str(n) in names]
        assert [names[n] for n in source.labels] == [str(n) for n in kept]
        assert len(source.hashes) == len(source)


def test_classes_are_numbered_again_and_again(real):
    chosen = select_classes(select_classes(real, "5-9"), "9,5-6")
    assert chosen.label_names == ("5", "6", "9")


def test_names_come_before_indices():
    names = ("cat", "0-1", "dog", "a,b")
    dataset = made([0, 1, 2, 3], [0, 1, 2, 3], names)
    chosen = select_classes(dataset, "0-1,dog")
    assert chosen.label_names == ("0-1", "dog")
    assert chosen.splits["train"].labels.tolist() == [0, 1]
    assert select_classes(dataset, "cat,dog").label_names == ("cat", "dog")
    assert select_classes(dataset, " ") is dataset


@pytest.mark.parametrize(
    "classes, message",
    [
        ("cat,dgo", r"no class 'dgo' \(did you mean \"dog\"\?\); there are: "),
        ("2-7", "no class '2-7'; there are: cat, dog, eel, fox .*within 0-3"),
        ("1-0", "no class '1-0'"),
        ("-1", "no class '-1'"),
        ("1-", "no class '1-'"),
        ("cat", "must choose at least two classes"),
        ("dog-fox", "no class 'dog-fox'"),
        ("cat,eel", "class 'eel' has no training examples"),
        ("dog,fox", "no examples of them in the test split"),
    ],
)
def test_classes_that_cannot_be_chosen(classes, message):
    dataset = made([0, 1, 3], [0, 0, 2], ("cat", "dog", "eel", "fox"))
    with pytest.raises(UserError, match=message) as caught:
        select_classes(dataset, classes)
    assert "\n" not in str(caught.value)


def test_a_long_list_of_classes_is_cut(real):
    names = tuple(f"class{n}" for n in range(150))
    with pytest.raises(UserError, match="class19 and 130 more"):
        select_classes(Dataset(real.splits, names), "x,y")


def test_classes_are_chosen_among_labels_alone():
    unlabelled = made([0, 0], [0], ())
    with pytest.raises(UserError, match="this data set has none: leave it"):
        select_classes(unlabelled, "0-4")


def test_examples_of_no_class_stay_when_classes_are_chosen():
    dataset = made([0, 1, 2], [0, 1, 2], ("a", "b", "c"))
    none = numbered([-1, -1], 2000)
    chosen = select_classes(dataset.with_splits(out_of_scope=none), "a,b")
    assert chosen.splits["out_of_scope"] is none


def test_ranges_of_whole_numbers_go_by_value():
    names = ("0", "1", "2", "3", "4", "5", "10")
    dataset = made(range(7), range(7), names)
    chosen = select_classes(dataset, "3-10")
    assert chosen.label_names == ("3", "4", "5", "10")
    assert select_classes(dataset, "0-1,10").label_names == ("0", "1", "10")
    assert chosen.notes == ("--classes=3-10 keeps 3, 4, 5, 10",)
    with pytest.raises(UserError, match=r"no class '3-11'; .*ranges, as 0-10"):
        select_classes(dataset, "3-11")


def test_examples_of_other_classes_are_accounted_for():
    dataset = made([0, 1, 2, 2, 2, 2], [0, 1, 2], ("a", "b", "c"))
    train, test = select_classes(dataset, "a,b").left_out
    assert (train.count, train.split, train.reason) == (
        4,
        "train",
        "of other classes",
    )
    assert train.first == ("example 2", "example 3", "example 4")
    assert train.classes == {"c": 4}
    assert (test.count, test.classes) == (1, {"c": 1})


def test_a_model_numbers_the_classes():
    few = Dataset({"test": numbered([0, 1, 1])}, ("blue", "red"))
    model = ("red", "green", "blue")
    found = number_as_trained(few, model, drop_others=False)
    assert found.label_names == model
    assert found.splits["test"].labels.tolist() == [2, 0, 0]
    indices = tf.constant([1, 0], tf.int64)
    targets = found.splits["test"].targets(indices)
    assert targets.numpy().tolist() == [0, 2]
    assert number_as_trained(found, model, drop_others=False) is found
    assert number_as_trained(few, (), drop_others=False) is few


def test_a_class_that_the_model_lacks():
    few = Dataset({"test": numbered([0, 1, 1])}, ("Red", "blue"))
    message = re.escape(
        "The test split has label 'Red', which training lacks (did you mean "
        '"red"?)'
    )
    with pytest.raises(UserError, match=message):
        number_as_trained(few, ("red", "blue"), drop_others=False)
    left = number_as_trained(few, ("red", "blue"), drop_others=True)
    assert left.splits["test"].labels.tolist() == [1, 1]
    assert left.left_out[0].classes == {"Red": 1}


def test_a_name_without_examples_is_no_other_class():
    few = Dataset({"test": numbered([1, 1])}, ("Red", "blue"))
    found = number_as_trained(few, ("red", "blue"), drop_others=False)
    assert found.splits["test"].labels.tolist() == [1, 1]


def test_a_model_of_classes_needs_labels():
    unlabelled = Dataset({"test": numbered([0, 0])}, ())
    with pytest.raises(UserError, match="knows the classes a, b, and these"):
        number_as_trained(unlabelled, ("a", "b"), drop_others=False)


def test_tags_are_numbered_as_the_model_does():
    texts = in_memory([b"in Paris", b"yes"])
    tags = [np.array([0, 1], np.int32), np.array([0], np.int32)]
    few = Dataset({"test": TagSource(texts, tags)}, ("O", "B-LOC"))
    model = ("O", "B-ORG", "B-LOC")
    found = number_as_trained(few, model, drop_others=False).splits["test"]
    assert [part.tolist() for part in found.tags] == [[0, 2], [0]]
    targets = found.targets(tf.constant([1, 0], tf.int64)).numpy()
    assert targets.tolist() == [[0, -1], [0, 2]]
    with pytest.raises(UserError, match="has label 'B-LOC', which training"):
        number_as_trained(few, ("O", "B-ORG"), drop_others=False)


def test_untrained_classes_keep_their_numbers_and_test_examples(real):
    left = leave_untrained(real, "3, 7")
    names = {split: set(part.labels) for split, part in left.splits.items()}
    assert names["train"] == {0, 1, 2, 4, 5, 6, 8, 9}
    assert names["test"] == set(range(10))
    assert left.label_names == real.label_names
    (part,) = left.left_out
    assert part.reason == "of --untrained_classes=3, 7"
    assert set(part.classes) == {"3", "7"}
    assert leave_untrained(real, "") is real


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("x", r"^--untrained_classes: no class 'x'"),
        ("0-9", "leaves no train examples: name fewer"),
        (",", "must choose at least one class"),
    ],
)
def test_untrained_classes_that_cannot_be(real, classes, message):
    with pytest.raises(UserError, match=message):
        leave_untrained(real, classes)
