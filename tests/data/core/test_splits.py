import numpy as np
import pytest

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.core.splits import (
    hash_split,
    hold_out_validation,
    select_classes,
    split_test,
    subset_train,
)
from keras_ptft.data.sources.arrays import digits
from keras_ptft.errors import UserError

TEN = tuple("0123456789")


@pytest.fixture(scope="module")
def real():
    return digits(Loading(image_size=8))


def numbered(labels, start=0):
    """Examples whose content is their number."""
    count = len(labels)
    inputs = np.arange(start, start + count, dtype=np.float32)[:, None]
    return ArraySource(inputs, labels, name="vector")


def made(train, test, names):
    splits = {"train": numbered(train), "test": numbered(test, 1000)}
    return Dataset(splits, names)


def test_hash_split_goes_by_the_high_bits():
    high = np.array([0, 2**30 - 1, 2**30, 2**32 - 1], np.uint64)
    hashes = (high << np.uint64(32)) + np.uint64(7)
    source = ArraySource(np.eye(4), np.zeros(4), hashes)
    rest, held_out = hash_split(source, 0.25)
    assert (rest.tolist(), held_out.tolist()) == ([2, 3], [0, 1])


def test_validation_goes_by_the_low_bits():
    low = np.array([0, 2**30 - 1, 2**30, 2**32 - 1], np.uint64)
    hashes = (np.uint64(2**32 - 1) << np.uint64(32)) + low
    source = ArraySource(np.eye(4), np.arange(4), hashes)
    dataset = Dataset({"train": source, "test": source}, TEN)
    split = hold_out_validation(dataset, 0.25).splits
    assert split["validation"].labels.tolist() == [0, 1]
    assert split["train"].labels.tolist() == [2, 3]
    assert split["test"] is source


def test_an_example_keeps_its_split_when_others_are_added():
    few = split_test(numbered(np.zeros(50)), TEN, 0.3).splits
    many = split_test(numbered(np.zeros(90)), TEN, 0.3).splits
    for split in ("train", "test"):
        assert np.isin(few[split].hashes, many[split].hashes).all()


def test_validation_is_independent_of_test(real):
    held_out = hold_out_validation(real, 0.2).splits
    fraction = len(held_out["validation"]) / len(real.splits["train"])
    # 4 standard deviations of 1446 draws at 0.2
    assert abs(fraction - 0.2) < 0.042
    whole = np.concatenate([part.indices for part in held_out.values()])
    assert sorted(whole) == list(range(1797))


def test_validation_that_came_with_the_data_stays(real):
    given = real.with_splits(validation=numbered([0]))
    assert hold_out_validation(given, 0.5) is given
    assert hold_out_validation(real, 0.0) is real


def test_validation_of_too_few():
    one = made([0], [0], ("a", "b"))
    with pytest.raises(UserError, match="of 1 training examples leaves"):
        hold_out_validation(one, 0.5)


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
    chosen = select_classes(select_classes(real, "5-9"), "7,0-1")
    # "7" is a name; 0-1 are the indices of "5" and "6"
    assert chosen.label_names == ("5", "6", "7")


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


@pytest.mark.parametrize(
    "examples, counts", [(6, [2, 2, 2]), (3, [1, 1, 1]), (13, [6, 1, 6])]
)
def test_a_subset_is_balanced_as_far_as_it_goes(examples, counts):
    # class 1 has but one example where 13 are requested
    labels = [0] * 9 + [1] * (1 if examples > 6 else 2) + [2] * 8
    dataset = made(labels, [0], ("a", "b", "c"))
    train = subset_train(dataset, examples, 0).splits["train"]
    assert np.bincount(train.labels).tolist() == counts
    assert (np.diff(train.indices) > 0).all()


def test_what_is_left_over_goes_to_any_class():
    dataset = made([0, 1] * 20, [0], ("a", "b"))
    counts = {
        tuple(np.bincount(subset_train(dataset, 3, s).splits["train"].labels))
        for s in range(20)
    }
    assert counts == {(1, 2), (2, 1)}


def test_subsets_are_seeded_and_nested(real):
    def chosen(examples, seed):
        subset = subset_train(real, examples, seed)
        assert subset.splits["test"] is real.splits["test"]
        return set(subset.splits["train"].indices.tolist())

    assert chosen(100, 1) == chosen(100, 1) != chosen(100, 2)
    assert chosen(20, 1) < chosen(100, 1) < chosen(500, 1)
    assert subset_train(real, 0, 1) is real


@pytest.mark.parametrize("examples", [9, 1447])
def test_a_subset_of_too_many_or_too_few(real, examples):
    message = f"must be from 10, one a class, to 1446, .* got {examples}"
    with pytest.raises(UserError, match=message):
        subset_train(real, examples, 0)


def test_classes_are_chosen_among_labels_alone():
    unlabelled = made([0, 0], [0], ())
    with pytest.raises(UserError, match="this data set has none: leave it"):
        select_classes(unlabelled, "0-4")


def test_the_end_of_contiguous_texts_is_held_out():
    class Contiguous(ArraySource):
        contiguous = True

    train = Contiguous(np.arange(10)[:, None], np.zeros(10))
    held = hold_out_validation(Dataset({"train": train}, ()), 0.2)
    indices = [s.gather(np.arange(len(s)))[:, 0] for s in held.splits.values()]
    assert [part.numpy().tolist() for part in indices] == [[*range(8)], [8, 9]]
    assert all(source.contiguous for source in held.splits.values())


def test_examples_of_no_class_stay_when_classes_are_chosen():
    dataset = made([0, 1, 2], [0, 1, 2], ("a", "b", "c"))
    none = numbered([-1, -1], 2000)
    chosen = select_classes(dataset.with_splits(out_of_scope=none), "a,b")
    assert chosen.splits["out_of_scope"] is none


def test_several_inputs_are_split_and_chosen_alike():
    inputs = {"a": np.arange(90.0)[:, None], "b": np.ones((90, 2))}
    source = ArraySource(inputs, np.arange(90) % 3)
    dataset = split_test(source, ("x", "y", "z"), 0.3)
    dataset = select_classes(hold_out_validation(dataset, 0.2), "x,z")
    train = subset_train(dataset, 6, 0).splits["train"]
    found = train.gather(np.arange(6))
    assert found["b"].shape == (6, 2)
    classes = found["a"].numpy()[:, 0] % 3 // 2
    assert classes.tolist() == train.labels.tolist()
