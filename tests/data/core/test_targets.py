"""Numbers and sets of labels, on their way through a data set."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import checked
from keras_ptft.data.core import splits
from keras_ptft.data.core.account import account
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.checks import uncovered
from keras_ptft.data.core.classes import number_as_trained, select_classes
from keras_ptft.data.core.dataset import (
    Dataset,
    DerivedSource,
    Loading,
    fingerprint,
    take,
)
from keras_ptft.data.core.targets import NUMBERS, SETS, Target
from keras_ptft.errors import UserError

NAMES = ("even", "prime")


def rows(count=20):
    return np.arange(count * 3, dtype=np.float32).reshape(count, 3)


def numbers(values=None, count=20):
    values = np.arange(count) / 2 if values is None else values
    source = ArraySource(rows(len(values)), name="vector", values=values)
    return Dataset({"train": source}, (), target_name="price")


def sets(values=None, names=NAMES):
    if values is None:
        values = [[n % 2 == 0, n in (2, 3, 5, 7)] for n in range(20)]
    source = ArraySource(rows(len(values)), name="vector", values=values)
    return Dataset({"train": source}, names)


def opened(dataset, kind, **settings):
    return checked(dataset, "given", Loading(label_kind=kind, **settings))


def test_a_source_gives_its_values_as_targets():
    source = numbers().splits["train"]
    found = source.targets(tf.constant([3, 1], tf.int64))
    assert found.dtype == tf.float32 and found.numpy().tolist() == [1.5, 0.5]
    assert source.labels.tolist() == [0] * 20
    found = sets().splits["train"].targets(tf.constant([2, 1], tf.int64))
    assert found.numpy().tolist() == [[1, 1], [0, 0]]


def test_subsets_and_derived_sources_carry_values():
    source = numbers().splits["train"]
    some = take(take(source, [9, 4, 2]), [2, 0])
    assert some.values.tolist() == [1.0, 4.5]
    assert some.targets(tf.constant([1], tf.int64)).numpy().tolist() == [4.5]
    assert DerivedSource(source).values is source.values


def test_the_target_is_that_of_the_training_split():
    dataset = numbers(np.array([1.0, 3.0]))
    dataset = dataset.with_splits(test=ArraySource(rows(1), values=[50.0]))
    assert dataset.info.target == Target("price", 2.0, 1.0)
    assert dataset.info.label_kind == dataset.label_kind == NUMBERS
    assert sets().info.target == Target() and sets().label_kind == SETS


def test_values_are_part_of_the_fingerprint():
    one, other = (numbers(np.array([1.0, x])).splits["train"] for x in (2, 3))
    assert fingerprint(one) != fingerprint(other)
    same = numbers(np.array([1.0, 2.0])).splits["train"]
    assert fingerprint(one) == fingerprint(same)


def test_a_test_and_a_validation_split_are_held_out():
    dataset = opened(numbers(count=200), NUMBERS)
    dataset = splits.hold_out_validation(dataset, 0.2)
    found = np.concatenate([p.values for p in dataset.splits.values()])
    assert sorted(found.tolist()) == (np.arange(200) / 2).tolist()
    assert set(dataset.splits) == {"train", "test", "validation"}


def test_some_training_examples_are_kept_at_random():
    dataset = splits.subset(numbers(count=200), "train", 10, 0)
    kept = dataset.splits["train"].values
    assert len(kept) == 10 and kept.max() > 20


def test_numbers_are_accounted_for():
    found = account(numbers(np.array([1.0, 3.0])))
    assert found.lines() == ["2 found, all used: 2 train"]
    assert found.as_dict()["splits"]["train"] == {
        "used": 2,
        "left_out": 0,
        "classes": {},
        "lowest": 1.0,
        "highest": 3.0,
        "mean": 2.0,
        "std": 1.0,
    }


def test_each_label_of_sets_is_accounted_for():
    found = account(sets([[1, 0], [1, 1], [0, 0]]))
    shown = "3 found, all used: 3 train (even: 2, prime: 1, none: 1)"
    assert found.lines() == [shown]
    part = found.as_dict()["splits"]["train"]
    assert part["labels"] == {"even": 2, "prime": 1} and part["without"] == 1
    assert part["used"] == 3 and part["classes"] == {}


def test_labels_that_a_split_lacks_are_named():
    dataset = sets([[1, 0], [0, 0]])
    assert uncovered(dataset) == (
        "1 of 2 labels has no training examples: prime",
    )


def test_sets_may_be_of_one_label():
    dataset = opened(sets([[n % 2] for n in range(40)], ("odd",)), SETS)
    assert dataset.label_names == ("odd",) and dataset.class_names == ()


def test_contradicting_sets_are_told_of():
    train = ArraySource(
        np.repeat(rows(20), 2, axis=0),
        name="vector",
        values=[[n % 2, 1] for n in range(40)],
    )
    dataset = opened(Dataset({"train": train}, NAMES), SETS)
    assert any("40 of 40 train examples" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("make", "kind", "told"),
    [
        (
            lambda: numbers(np.full(20, 5.0)),
            NUMBERS,
            "20 training examples of --dataset=given all have the same "
            "number, 5: nothing",
        ),
        (
            lambda: sets([[0, 1]] * 20),
            SETS,
            "all have the same labels, prime: nothing",
        ),
        (
            lambda: numbers(np.array([1.0, np.nan, 2.0])),
            NUMBERS,
            "must have a finite number an example, got nan at example 1",
        ),
        (
            lambda: sets([[0, 1], [2, 0]]),
            SETS,
            r"0 or 1 for each label, got \[2. 0.\] at example 1",
        ),
        (
            lambda: sets(names=("a",)),
            SETS,
            "a name for each of 2 labels, got 1",
        ),
        (
            lambda: sets(names=("a", "a")),
            SETS,
            "different names for its classes, got 'a' twice",
        ),
        (numbers, SETS, "learns a set of labels an example, and .* numbers"),
        (sets, NUMBERS, "learns a number an example, and .* has sets"),
        (
            lambda: Dataset({"train": ArraySource(rows())}, ()),
            NUMBERS,
            "has no labels: give a table",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused(make, kind, told):
    with pytest.raises(UserError, match=told) as caught:
        opened(make(), kind)
    assert "\n" not in str(caught.value)


def test_a_constant_may_be_scored():
    dataset = numbers(np.full(20, 5.0))
    found = opened(dataset, NUMBERS, scoring=True, as_test=True)
    assert found.splits["test"].values.tolist() == [5.0] * 20


@pytest.mark.parametrize("values", [np.array(["a"]), np.zeros((1, 2, 3))])
def test_values_are_numbers(values):
    with pytest.raises(UserError, match="Values must be numbers of shape"):
        ArraySource(rows(1), values=values)


def test_there_is_a_value_for_each_example():
    with pytest.raises(UserError, match=r"got 2 examples .* and 3 values"):
        ArraySource(rows(2), values=[1.0, 2.0, 3.0])
    with pytest.raises(UserError, match=r"got 2 examples .* and 1 values"):
        ArraySource(rows(2), [0, 1], values=[1.0])


@pytest.mark.parametrize("make", [numbers, sets])
def test_classes_cannot_be_chosen_where_there_are_none(make):
    with pytest.raises(UserError, match="chooses among classes of examples"):
        select_classes(make(), "0-1")


def test_labels_of_sets_are_taken_by_name():
    values = [[0, 1], [1, 1], [1, 0]]
    found = number_as_trained(
        sets(values), ("prime", "even"), drop_others=False
    )
    train = found.splits["train"]
    assert train.values.tolist() == [[1, 0], [1, 1], [0, 1]]
    read = train.targets(tf.constant([0], tf.int64))
    assert read.numpy().tolist() == [[1, 0]]


def test_labels_of_sets_that_the_model_lacks():
    with pytest.raises(UserError, match="'odd' must be in both"):
        number_as_trained(sets(), ("even", "prime", "odd"), drop_others=False)


def test_what_is_left_out_of_sets_has_no_class():
    kept = sets().keep("train", np.arange(5), "beyond five")
    (part,) = kept.left_out
    assert part.count == 15 and part.classes == {}
