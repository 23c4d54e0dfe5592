"""Each fault that users' data have, in each form that data come in.

One row a kind of fault, one column a door: a check that a loader forgets
shows here.
"""

import numpy as np
import pytest

from keras_ptft.data.core.account import account
from keras_ptft.data.core.checks import uncovered
from keras_ptft.data.core.classes import number_as_trained, select_classes
from keras_ptft.errors import UserError
from tests.data.doors import DOORS, Example

# read as others are that the default suite has
SLOW = {"folder", "csv of images", "metadata", "parquet of texts", "tsv"}
CLASSIFYING = {name: d for name, d in DOORS.items() if not d.tagged}
FILES = {name: d for name, d in DOORS.items() if d.named_splits}
OWNED = {name: d for name, d in DOORS.items() if d.owners}
TABLES = {n: d for n, d in OWNED.items() if "group_column" in d.owners}
WITHOUT_TABLE = {n: d for n, d in DOORS.items() if n not in TABLES}


def doors(some):
    """Parametrizes a test by doors."""
    return pytest.mark.parametrize(
        "door",
        [
            pytest.param(
                door, id=name, marks=pytest.mark.slow if name in SLOW else ()
            )
            for name, door in some.items()
        ],
    )


every_door = doors(DOORS)
every_classifier = doors(CLASSIFYING)


def fresh(labels, start=0):
    """Examples that have an owner each."""
    return [
        Example(start + n, label, f"o{start + n}")
        for n, label in enumerate(labels)
    ]


def refused(door, folder, parts, **settings):
    with pytest.raises(UserError) as caught:
        door.open(folder, parts, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@every_door
def test_a_label_that_training_lacks(door, tmp_path):
    parts = {
        "train": fresh(["red", "blue"] * 9),
        "test": fresh(["red", "Red"] * 4, 50),
    }
    told = refused(door, tmp_path, parts)
    assert "'Red'" in told and 'did you mean "red"' in told


@every_door
def test_a_label_of_validation_that_training_lacks(door, tmp_path):
    parts = {
        "train": fresh(["red", "blue"] * 9),
        "validation": fresh(["green"] * 4, 50),
    }
    assert "'green'" in refused(door, tmp_path, parts)


@every_door
def test_one_class(door, tmp_path):
    told = refused(door, tmp_path, {"train": fresh(["red"] * 20)})
    assert "at least two class" in told and "red" in told


@every_classifier
def test_inputs_that_are_all_the_same(door, tmp_path):
    same = [Example(5, "ab"[n % 2], f"o{n}") for n in range(20)]
    told = refused(door, tmp_path, {"train": same})
    # class folders cannot hold a file of one name twice
    assert "are the same" in told or "has no te" in told


@every_door
def test_a_label_is_the_text_of_the_file(door, tmp_path):
    dataset = door.open(tmp_path, {"train": fresh(["007", "042", "100"] * 9)})
    assert dataset.label_names == ("007", "042", "100")


@every_door
def test_whole_numbers_are_sorted_as_numbers(door, tmp_path):
    labels = [str(n) for n in range(11)] * 4
    dataset = door.open(tmp_path, {"train": fresh(labels)})
    assert dataset.label_names == tuple(str(n) for n in range(11))


@every_classifier
def test_ranges_are_of_numbers(door, tmp_path):
    labels = [str(n) for n in range(11)] * 4
    dataset = door.open(tmp_path, {"train": fresh(labels)}, stratify=True)
    chosen = select_classes(dataset, "2-4,10")
    assert chosen.label_names == ("2", "3", "4", "10")
    assert account(chosen).found == 44


@pytest.mark.parametrize(
    "names",
    [
        ("Train", "Valid", "TEST"),
        ("training", "val", "testing"),
        ("TRAIN", "Dev", "Eval"),
    ],
    ids=" ".join,
)
@doors(FILES)
def test_usual_names_of_splits(door, names, tmp_path):
    parts = {
        name: fresh(["red", "blue"] * 5, 20 * n) for n, name in enumerate(names)
    }
    dataset = door.open(tmp_path, parts)
    sizes = {split: len(part) for split, part in dataset.splits.items()}
    assert sizes == {"train": 10, "validation": 10, "test": 10}
    assert set(dataset.label_names) == {"red", "blue"}


@every_door
def test_validation_without_test(door, tmp_path):
    parts = {
        "train": fresh(["red", "blue"] * 20),
        "valid" if door.named_splits else "validation": fresh(
            ["red", "blue"] * 5, 50
        ),
    }
    dataset = door.open(tmp_path, parts)
    assert len(dataset.splits["validation"]) == 10
    assert 0 < len(dataset.splits["test"]) < 40
    assert account(dataset).found == 50


@every_classifier
def test_a_class_that_a_split_lacks_is_named(door, tmp_path):
    labels = ["red", "blue"] * 20 + [f"rare{n}" for n in range(9)]
    dataset = door.open(tmp_path, {"train": fresh(labels)})
    notes = " ".join(uncovered(dataset))
    assert "of 11 classes have no test examples: rare" in notes


@every_classifier
def test_small_classes_are_in_both_splits(door, tmp_path):
    labels = ["red", "blue"] * 20 + ["rare"] * 2
    dataset = door.open(tmp_path, {"train": fresh(labels)}, stratify=True)
    rare = dataset.label_names.index("rare")
    assert uncovered(dataset) == ()
    for part in dataset.splits.values():
        assert (part.labels == rare).sum() == 1


@every_door
def test_names_that_look_alike_are_told_of(door, tmp_path):
    labels = ["red", "RED", "blue"] * 9
    dataset = door.open(tmp_path, {"train": fresh(labels)})
    assert any("look alike" in note for note in dataset.notes)
    assert len(dataset.label_names) == 3


@every_door
def test_all_that_is_found_is_accounted_for(door, tmp_path):
    parts = {
        "train": fresh(["red", "blue"] * 20),
        "test": fresh(["red", "blue"] * 5, 50),
    }
    found = account(door.open(tmp_path, parts)).as_dict()
    left = sum(part["count"] for part in found["left_out"])
    assert found["used"] == 50
    assert found["found"] == 50 + left
    if not door.tagged:
        assert found["splits"]["test"]["classes"] == {"blue": 5, "red": 5}


@doors(OWNED)
def test_what_belongs_together_stays_together(door, tmp_path):
    many = [Example(n, "ab"[n % 2], f"p{n // 4}") for n in range(80)]
    dataset = door.open(tmp_path, {"train": many}, **door.owners)
    train, test = (
        set(dataset.splits[split].groups.tolist())
        for split in ("train", "test")
    )
    assert train and test and not train & test
    assert len(train | test) == 20
    assert len(dataset.splits["test"]) == 4 * len(test)


@doors(OWNED)
def test_what_belongs_together_in_two_splits(door, tmp_path):
    parts = {
        "train": fresh(["red", "blue"] * 5),
        "test": [Example(50, "red", "o3"), Example(51, "blue", "x")],
    }
    told = refused(door, tmp_path, parts, **door.owners)
    assert "1 of 2 test examples belong to a group of the training" in told


@doors({name: d for name, d in DOORS.items() if name not in OWNED})
@pytest.mark.parametrize("setting", ["group_column", "group_pattern"])
def test_groups_where_there_are_none(door, setting, tmp_path):
    parts = {"train": fresh(["red", "blue"] * 5)}
    told = refused(door, tmp_path, parts, **{setting: "owner"})
    assert f"--{setting}=owner" in told and "leave it out" in told


@every_door
def test_a_model_finds_its_classes_by_name(door, tmp_path):
    model = ("zebra", "red", "blue")
    parts = {"train": fresh(["red", "blue"] * 5)}
    settings = {"scoring": True, "as_test": True}
    dataset = door.open(tmp_path, parts, **settings)
    found = number_as_trained(dataset, model, drop_others=False)
    test = found.splits["test"]
    numbers = np.concatenate(test.tags) if door.tagged else test.labels
    assert list(found.splits) == ["test"] and len(test) == 10
    assert np.unique(numbers).tolist() == [1, 2]


@every_door
def test_a_file_of_one_class_can_be_scored(door, tmp_path):
    parts = {"train": fresh(["red"] * 5)}
    dataset = door.open(tmp_path, parts, scoring=True, as_test=True)
    found = number_as_trained(dataset, ("blue", "red"), drop_others=False)
    assert len(found.splits["test"]) == 5


@every_door
def test_a_class_that_the_model_lacks(door, tmp_path):
    parts = {"train": fresh(["red", "Blue"] * 5)}
    dataset = door.open(tmp_path, parts, scoring=True, as_test=True)
    with pytest.raises(UserError, match=r'"blue"'):
        number_as_trained(dataset, ("blue", "red"), drop_others=False)


@every_door
def test_every_example_is_in_one_test_fold(door, tmp_path):
    parts = {
        "train": fresh(["red", "blue"] * 10),
        "valid" if door.named_splits else "validation": fresh(
            ["red", "blue"] * 2, 50
        ),
    }
    tested = []
    for fold in range(2):
        place = tmp_path / str(fold)
        place.mkdir()
        dataset = door.open(place, parts, folds=2, fold=fold)
        test, train = dataset.splits["test"], dataset.splits["train"]
        assert len(test) == len(train) == 12
        assert len(train.gather(np.arange(12))) == 12
        tested += test.hashes.tolist()
    assert len(set(tested)) == len(tested) == 24


@doors(TABLES)
def test_values_of_another_column_are_read(door, tmp_path):
    parts = {"train": fresh(["red", "blue"] * 5)}
    dataset = door.open(tmp_path, parts, by_column="owner", stratify=True)
    found = {name: part.by for name, part in dataset.splits.items()}
    assert all(len(found[k]) == len(v) for k, v in dataset.splits.items())
    owners = [owner for part in found.values() for owner in part]
    assert sorted(owners) == sorted(f"o{n}" for n in range(10))
    place = tmp_path / "again"
    place.mkdir()
    told = refused(door, place, parts, by_column="oner")
    assert "'oner'" in told and "choose by --by one of" in told


@doors(WITHOUT_TABLE)
def test_a_column_of_what_has_none(door, tmp_path):
    told = refused(
        door, tmp_path, {"train": fresh(["red", "blue"] * 5)}, by_column="age"
    )
    assert told.startswith("Column 'age' needs a table that has it, and ")
