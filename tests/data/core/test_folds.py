import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import UserError
from keras_ptft.data import checked
from keras_ptft.data.core.account import account
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import OUT_OF_SCOPE, Dataset, Loading
from keras_ptft.data.core.folds import (
    check_folds,
    fold_numbers,
    hold_out_fold,
)
from keras_ptft.data.core.joined import JoinedSource
from keras_ptft.data.core.splits import hold_out_validation
from keras_ptft.data.text.source import TagSource, TextSource
from keras_ptft.data.text.storage import in_memory
from tests.data.core.small import made, numbered

NAMES = ("a", "b", "c")
LABELS = [0] * 50 + [1] * 30 + [2] * 10


def parts(source, folds=5, **settings):
    """The data set of each fold."""
    dataset = Dataset({"train": source}, NAMES)
    return [
        hold_out_fold(dataset, folds, fold, **settings) for fold in range(folds)
    ]


def test_every_example_is_in_one_test_fold():
    found = parts(numbered(LABELS))
    tests = [part.splits["test"].indices for part in found]
    assert sorted(np.concatenate(tests)) == list(range(90))
    for fold, part in enumerate(found):
        train, test = (part.splits[name] for name in ("train", "test"))
        assert sorted([*train.indices, *test.indices]) == list(range(90))
        # a fifth of 50, 30 and 10
        assert np.bincount(test.labels).tolist() == [10, 6, 2]
        assert part.drawn == ("test",)
        told = f"fold {fold} of 5 of the training split is the test"
        assert part.notes == (told,)


def test_seeds_divide_in_other_ways_and_the_order_does_not_matter():
    source = numbered(LABELS)
    first = fold_numbers(source, 5, 0, stratify=True)
    assert (first != fold_numbers(source, 5, 1, stratify=True)).any()
    order = np.random.default_rng(0).permutation(90)
    inputs = np.arange(90, dtype=np.float32)[order, None]
    turned = ArraySource(inputs, np.array(LABELS)[order], name="vector")
    again = fold_numbers(turned, 5, 0, stratify=True)
    assert (again == first[order]).all()


def test_equal_examples_are_in_one_fold():
    inputs = np.repeat(np.arange(30.0)[:, None], 3, axis=0)
    source = ArraySource(inputs, np.arange(90) // 45)
    found = fold_numbers(source, 5, 0, stratify=True)
    assert (found.reshape(30, 3) == found[::3, None]).all()
    # 3 of the 15 different contents of each class
    assert np.bincount(found[:45]).tolist() == [9] * 5


@pytest.mark.parametrize("stratify", [False, True])
def test_a_group_is_in_one_fold(stratify):
    owners = np.random.default_rng(0).integers(0, 40, 400)
    source = numbered(owners % 2, groups=owners)
    found = fold_numbers(source, 4, 0, stratify=stratify)
    for owner in range(40):
        assert len(set(found[owners == owner])) == 1
    if stratify:
        share = [source.labels[found == fold].mean() for fold in range(4)]
        assert np.ptp(share) < 0.1


def test_numbers_and_sets_are_divided_by_chance():
    values = np.linspace(0, 1, 40, dtype=np.float32)
    inputs = np.eye(40, dtype=np.float32)
    source = ArraySource(inputs, name="vector", values=values)
    dataset = Dataset({"train": source}, ())
    sizes = [
        len(hold_out_fold(dataset, 4, fold).splits["test"]) for fold in range(4)
    ]
    assert sizes == [10] * 4


def test_validation_is_held_out_of_the_rest():
    found = hold_out_validation(parts(numbered(LABELS))[1], 0.2)
    sizes = {name: len(part) for name, part in found.splits.items()}
    assert sizes["test"] == 18
    assert sizes["train"] + sizes["validation"] == 72
    assert 5 < sizes["validation"] < 25


def test_a_validation_split_that_was_given_is_divided_too():
    given = {"train": numbered([0, 1] * 10), "validation": numbered([0, 1], 50)}
    given[OUT_OF_SCOPE] = numbered([-1], 90)
    found = [
        hold_out_fold(Dataset(given, NAMES), 2, fold).splits for fold in (0, 1)
    ]
    assert all(set(part) == {"train", "test", OUT_OF_SCOPE} for part in found)
    numbers = [part["test"].gather(np.arange(11)).numpy() for part in found]
    assert sorted(np.concatenate(numbers).ravel()) == [*range(20), 50, 51]


def test_a_test_split_that_was_given_is_left_alone():
    dataset = made([0, 1] * 10, [0, 1, 0], NAMES)
    found = checked(dataset, "wines", Loading(folds=4, fold=2))
    sizes = {name: len(part) for name, part in found.splits.items()}
    assert sizes == {"train": 15, "test": 5}
    assert [str(part) for part in found.left_out] == [
        "3 of the test split, left alone: fold 2 of 4 of the training split "
        "is the test"
    ]
    assert account(found).found == 23


@pytest.mark.parametrize(
    "folds, fold, told",
    [
        (1, 0, "--folds must be 0 for none, or at least 2, got 1"),
        (0, 2, "--fold=2 is one of the parts of --folds, got --folds=0"),
        (5, 5, "--fold must be from 0 to 4 with --folds=5, got 5."),
    ],
)
def test_folds_that_there_cannot_be(folds, fold, told):
    with pytest.raises(UserError) as caught:
        check_folds(folds, fold)
    assert str(caught.value).startswith(told)


def refused(source, folds=5):
    with pytest.raises(UserError) as caught:
        parts(source, folds)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_divided_is_told():
    few = "--folds=5 needs at least 5 different examples, got 4"
    assert refused(numbered([0, 1, 0, 1])).startswith(few)
    small = "--folds=5 needs a class with at least 5 examples, got at most 4"
    assert refused(numbered([0, 1] * 4)).startswith(small)
    groups = "--folds=5 needs at least 5 groups, got 2"
    assert refused(numbered([0, 1] * 9, groups=[7, 8] * 9)).startswith(groups)
    running = TextSource(in_memory([b"a", b"b"]), contiguous=True)
    assert refused(running, 2).startswith(
        "--folds=2 divides examples, and these data are one running text"
    )


def test_a_class_of_fewer_examples_than_folds_is_divided():
    found = parts(numbered([0] * 20 + [1] * 2))
    assert sum((p.splits["test"].labels == 1).sum() for p in found) == 2


def test_joined_texts_keep_their_tags():
    texts = TagSource(in_memory([b"in Paris"]), [np.array([0, 1])])
    more = TagSource(in_memory([b"yes", b"or no"]), [[2], [0, 3]])
    joined = JoinedSource([texts, more])
    chosen = tf.constant([2, 0], tf.int64)
    assert joined.gather(chosen).numpy().tolist() == [b"or no", b"in Paris"]
    assert joined.targets(chosen).numpy().tolist() == [[0, 3], [0, 1]]
    # of one source alone the other reads nothing
    assert joined.gather(chosen[:1]).numpy().tolist() == [b"or no"]
    assert [tags[0] for tags in joined.tags] == [0, 2, 0]


def test_joined_inputs_by_name_are_read_in_a_pipeline():
    made = [
        ArraySource({"a": np.eye(2) + n, "b": np.arange(2) + 2 * n}, [n, n])
        for n in range(3)
    ]
    joined = JoinedSource(made)
    indices = tf.data.Dataset.range(6).batch(4, drop_remainder=True)
    (batch,) = indices.map(joined.gather)
    assert batch["b"].numpy().tolist() == [0, 1, 2, 3]
    assert batch["a"].shape == (4, 2)
    assert joined.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert joined.name_of(3) == "example 1"


def test_tokens_are_not_joined():
    source = numbered([0, 1])
    source.spec = tf.TensorSpec((None,), tf.int32, "tokens")
    with pytest.raises(UserError, match="hand over texts in place of tokens"):
        JoinedSource([source, source])
