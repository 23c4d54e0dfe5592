import numpy as np
import pytest

from keras_ptft.data import load
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.classes import select_classes
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.core.splits import (
    hold_out_test,
    hold_out_validation,
    subset,
    subset_of_classes,
)
from keras_ptft.errors import UserError
from tests.data.core.small import made, numbered

TEN = tuple("0123456789")


@pytest.fixture(scope="module")
def real():
    return load("digits", Loading(image_size=8))


def whole(source, fraction, **settings):
    """The indices of what stays, and of what is held out for testing."""
    dataset = Dataset({"train": source}, TEN, test_fraction=fraction)
    held = hold_out_test(dataset, **settings)
    assert held.drawn == ("test",)
    return [held.splits[name].indices.tolist() for name in ("train", "test")]


def test_the_test_split_goes_by_the_high_bits():
    high = np.array([0, 2**30 - 1, 2**30, 2**32 - 1], np.uint64)
    hashes = (high << np.uint64(32)) + np.uint64(7)
    source = ArraySource(np.eye(4), np.zeros(4), hashes)
    assert whole(source, 0.25) == [[2, 3], [0, 1]]


def test_a_test_split_that_came_with_the_data_stays(real):
    assert hold_out_test(real) is real
    given = {"train": numbered([0, 1]), "validation": numbered([0], 9)}
    held = hold_out_test(Dataset(given, TEN, test_fraction=0.5))
    assert held.splits["validation"] is given["validation"]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0])
def test_a_fraction_that_leaves_nothing(fraction):
    dataset = Dataset({"train": numbered([0, 1])}, TEN, test_fraction=fraction)
    with pytest.raises(UserError, match=f"between 0 and 1, got {fraction}"):
        hold_out_test(dataset)


def test_stratified_splits_hold_out_the_share_of_each_class():
    source = numbered([0] * 50 + [1] * 10 + [2] * 3 + [3] * 2 + [4])
    rest, held_out = whole(source, 0.2, stratify=True)
    counts = np.bincount(source.labels[held_out], minlength=5)
    # a fifth of 50, 10 and 3; half of 2; none of 1
    assert counts.tolist() == [10, 2, 1, 1, 0]
    assert sorted(rest + held_out) == list(range(66))


def test_equal_examples_stay_together_in_stratified_splits():
    inputs = np.repeat(np.arange(20.0)[:, None], 4, axis=0)
    source = ArraySource(inputs, np.arange(80) // 40)
    rest, held_out = whole(source, 0.3, stratify=True)
    # 3 of the 10 different contents of each class
    assert np.bincount(source.labels[held_out]).tolist() == [12, 12]
    assert not set(inputs[rest, 0]) & set(inputs[held_out, 0])


@pytest.mark.parametrize("stratify", [False, True])
def test_groups_are_never_divided(stratify):
    owners = np.random.default_rng(0).integers(0, 30, 300)
    source = numbered(owners % 3)
    # as hashes are: spread over all 64 bits
    source.groups = np.random.default_rng(1).integers(0, 2**64, 30, np.uint64)[
        owners
    ]
    dataset = Dataset({"train": source}, TEN, test_fraction=0.3)
    held = hold_out_test(dataset, stratify=stratify)
    held = hold_out_validation(held, 0.3, stratify=stratify)
    parts = [set(part.groups.tolist()) for part in held.splits.values()]
    assert len(set().union(*parts)) == sum(map(len, parts)) == 30
    assert all(parts)
    if stratify:
        # 3 of the 10 groups of each class
        assert len(parts[1]) == 9


def test_a_group_counts_for_its_most_common_class():
    source = numbered([0, 1, 1, 0, 0, 1, 1, 1])
    source.groups = np.array([7, 7, 7, 8, 8, 9, 9, 9], np.uint64)
    _, held_out = whole(source, 0.5, stratify=True)
    # of the groups 7 and 9, which are of class 1, one; 8 is the only of 0
    assert held_out in ([0, 1, 2], [5, 6, 7])


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
    few, many = (
        hold_out_test(Dataset({"train": numbered(np.zeros(count))}, TEN)).splits
        for count in (50, 90)
    )
    for split in ("train", "test"):
        assert np.isin(few[split].hashes, many[split].hashes).all()


def test_validation_is_independent_of_test(real):
    held_out = hold_out_validation(real, 0.2).splits
    fraction = len(held_out["validation"]) / len(real.splits["train"])
    # 4 standard deviations of 1446 draws at 0.2
    assert abs(fraction - 0.2) < 0.042
    parts = np.concatenate([part.indices for part in held_out.values()])
    assert sorted(parts) == list(range(1797))


def test_validation_that_came_with_the_data_stays(real):
    given = real.with_splits(validation=numbered([0]))
    assert hold_out_validation(given, 0.5) is given
    assert hold_out_validation(real, 0.0) is real


def test_validation_of_too_few():
    one = made([0], [0], ("a", "b"))
    with pytest.raises(UserError, match="of 1 training examples leaves"):
        hold_out_validation(one, 0.5)


@pytest.mark.parametrize(
    "examples, counts", [(6, [2, 2, 2]), (3, [1, 1, 1]), (13, [6, 1, 6])]
)
def test_a_subset_is_balanced_as_far_as_it_goes(examples, counts):
    # class 1 has but one example where 13 are requested
    labels = [0] * 9 + [1] * (1 if examples > 6 else 2) + [2] * 8
    dataset = made(labels, [0], ("a", "b", "c"))
    train = subset(dataset, "train", examples, 0).splits["train"]
    assert np.bincount(train.labels).tolist() == counts
    assert (np.diff(train.indices) > 0).all()


def test_what_is_left_over_goes_to_any_class():
    dataset = made([0, 1] * 20, [0], ("a", "b"))
    counts = {
        tuple(
            np.bincount(subset(dataset, "train", 3, s).splits["train"].labels)
        )
        for s in range(20)
    }
    assert counts == {(1, 2), (2, 1)}


def test_subsets_are_seeded_and_nested(real):
    def chosen(examples, seed):
        kept = subset(real, "train", examples, seed)
        assert kept.splits["test"] is real.splits["test"]
        return set(kept.splits["train"].indices.tolist())

    assert chosen(100, 1) == chosen(100, 1) != chosen(100, 2)
    assert chosen(20, 1) < chosen(100, 1) < chosen(500, 1)
    assert subset(real, "train", 0, 1) is real


@pytest.mark.parametrize("examples", [9, 1447])
def test_a_subset_of_too_many_or_too_few(real, examples):
    message = f"must be from 10, one a class, to 1446, .* got {examples}"
    with pytest.raises(UserError, match=message):
        subset(real, "train", examples, 0)


def test_a_validation_subset_leaves_training_whole(real):
    divided = hold_out_validation(real, 0.2)
    kept = subset(divided, "validation", 30, 0)
    assert kept.splits["train"] is divided.splits["train"]
    validation = kept.splits["validation"]
    assert np.bincount(validation.labels).tolist() == [3] * 10
    whole = set(divided.splits["validation"].indices.tolist())
    assert set(validation.indices.tolist()) < whole


def test_a_validation_subset_of_no_validation_split(real):
    with pytest.raises(UserError, match="needs a validation split: set"):
        subset(real, "validation", 30, 0)


def test_another_seed_draws_other_splits(real):
    one_piece = Dataset({"train": real.splits["train"].source}, TEN)

    def drawn(seed):
        held = hold_out_validation(
            hold_out_test(one_piece, seed=seed), 0.1, seed=seed
        )
        parts = {n: set(s.indices.tolist()) for n, s in held.splits.items()}
        assert sum(map(len, parts.values())) == len(one_piece.splits["train"])
        return parts

    first, other = drawn(0), drawn(1)
    assert first["test"] == set(real.splits["test"].indices.tolist())
    # of 1,797 a fifth, and a tenth of the rest, give or take four deviations
    for parts in (other, drawn(2**31 - 1)):
        assert 291 < len(parts["test"]) < 428
        assert 98 < len(parts["validation"]) < 190
    # chance alone is common to both: a fifth of a fifth
    assert 38 < len(first["test"] & other["test"]) < 106
    assert drawn(1) == other


def test_equal_examples_stay_together_with_any_seed():
    hashes = np.arange(100, dtype=np.uint64) // np.uint64(2) << np.uint64(40)
    source = ArraySource(np.eye(100), np.zeros(100), hashes)
    for seed in range(1, 6):
        rest, held_out = whole(source, 0.3, seed=seed)
        assert rest and held_out
        assert {i // 2 for i in rest} & {i // 2 for i in held_out} == set()


def test_a_limit_for_each_class():
    labels = np.repeat([0, 1, 2], [10, 4, 1])
    dataset = Dataset({"train": ArraySource(np.eye(15), labels)}, TEN[:3])

    def kept(limit, seed=0):
        found = subset_of_classes(dataset, limit, seed, "beyond")
        (part,) = found.left_out
        assert part.count == 15 - len(found.splits["train"])
        return found.splits["train"]

    counts = np.bincount(kept(lambda _: 3).labels)
    assert counts.tolist() == [3, 3, 1]
    # a half of each, and at least one
    half = kept(lambda size: round(0.5 * size))
    assert np.bincount(half.labels).tolist() == [5, 2, 1]
    few, more = (
        set(kept(lambda _, n=n: n, seed=4).indices.tolist()) for n in (2, 5)
    )
    assert few < more != set(kept(lambda _: 5, seed=5).indices.tolist())


def test_the_end_of_contiguous_texts_is_held_out():
    class Contiguous(ArraySource):
        contiguous = True

    train = Contiguous(np.arange(10)[:, None], np.zeros(10))
    held = hold_out_validation(Dataset({"train": train}, ()), 0.2)
    indices = [s.gather(np.arange(len(s)))[:, 0] for s in held.splits.values()]
    assert [part.numpy().tolist() for part in indices] == [[*range(8)], [8, 9]]
    assert all(source.contiguous for source in held.splits.values())


def test_several_inputs_are_split_and_chosen_alike():
    inputs = {"a": np.arange(90.0)[:, None], "b": np.ones((90, 2))}
    source = ArraySource(inputs, np.arange(90) % 3)
    dataset = hold_out_test(Dataset({"train": source}, ("x", "y", "z")))
    dataset = select_classes(hold_out_validation(dataset, 0.2), "x,z")
    train = subset(dataset, "train", 6, 0).splits["train"]
    found = train.gather(np.arange(6))
    assert found["b"].shape == (6, 2)
    classes = found["a"].numpy()[:, 0] % 3 // 2
    assert classes.tolist() == train.labels.tolist()
