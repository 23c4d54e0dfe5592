"""What people have in their folders, in every loader of files."""

import dataclasses
import pathlib

import pytest

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.errors import UserError
from tests.data.sources.file_sets import (
    Folders,
    Metadata,
    Tables,
    TextFolders,
)

# a few seconds each, and told in short by other tests
pytestmark = pytest.mark.slow

every_loader = pytest.mark.parametrize(
    "kind", [Folders(), TextFolders(), Metadata(), Tables()], ids=str
)


def sizes(dataset):
    return {split: len(part) for split, part in dataset.splits.items()}


@every_loader
@pytest.mark.parametrize(
    ("train", "other", "split"),
    [
        ("train", "valid", "validation"),
        ("Training", "VAL", "validation"),
        ("train_set", "Test", "test"),
        ("TRAIN", "eval", "test"),
    ],
)
def test_names_of_splits_in_any_case(tmp_path, kind, train, other, split):
    values = {"circle": range(1, 21), "cross": range(21, 41)}
    few = {"circle": [101, 102], "cross": [103]}
    spec = kind.build(tmp_path, {train: values, other: few})
    dataset = load(spec, kind.loading)
    assert dataset.label_names == ("circle", "cross")
    assert dataset.splits[split].labels.tolist() == [0, 0, 1]
    if split == "test":
        assert sizes(dataset) == {"train": 40, "test": 3}
    else:
        # there is none to test on: it is drawn from train, not from this
        assert dataset.drawn == ("test",)
        assert sum(sizes(dataset).values()) == 43
    assert account(dataset).found == kind.found(tmp_path) == 43
    if kind.note and other.casefold() != split:
        note = f"folder {other} is read as the {split} split"
        assert note in dataset.notes


@every_loader
def test_a_class_that_training_lacks(tmp_path, kind):
    values = {"red": range(1, 9), "blue": range(11, 19)}
    spec = kind.build(tmp_path, {"train": values, "test": {"Red": [50]}})
    with pytest.raises(UserError) as caught:
        load(spec, kind.loading)
    assert str(caught.value) == (
        f"{kind.where(tmp_path, 'test')} has label 'Red', which training "
        'lacks (did you mean "red"?): correct it, or train on examples of it.'
    )


@every_loader
def test_a_class_that_only_training_has(tmp_path, kind):
    values = {"red": range(1, 9), "blue": range(11, 19)}
    spec = kind.build(tmp_path, {"train": values, "test": {"red": [50, 51]}})
    dataset = load(spec, kind.loading)
    assert dataset.label_names == ("blue", "red")
    assert dataset.splits["test"].labels.tolist() == [1, 1]


@every_loader
def test_names_of_classes_that_are_numbers(tmp_path, kind):
    values = {str(n): [2 * n + 1, 2 * n + 2] for n in range(11)}
    values["007"] = values.pop("7")
    spec = kind.build(tmp_path, {"train": values, "test": {"10": [99]}})
    dataset = load(spec, kind.loading)
    expected = (*"0123456", "007", "8", "9", "10")
    assert dataset.label_names == expected
    assert dataset.splits["test"].labels.tolist() == [10]


@every_loader
def test_what_is_hidden_or_of_another_format(tmp_path, kind):
    values = {"cat": range(1, 21), "dog": range(21, 41)}
    spec = kind.build(tmp_path, {"": values})
    folder = next(tmp_path.rglob(f"*{kind.ending}")).parent
    for name in (".DS_Store", "._a.png", "a.psd", "notes.xyz", "NOTES.xyz"):
        (folder / name).write_bytes(b"no image")
    dataset = load(spec, kind.loading)
    accounted = account(dataset)
    assert accounted.found == kind.found(tmp_path) == 45
    assert sum(sizes(dataset).values()) == 40
    left = {part.reason: part for part in accounted.left_out}
    assert left["hidden"].count == 2
    assert left["of a format that is not read"].count == 3
    first = {
        part.reason: sorted(pathlib.Path(name).name for name in part.first)
        for part in accounted.left_out
    }
    assert list(first.values()) == [
        [".DS_Store", "._a.png"],
        ["NOTES.xyz", "a.psd", "notes.xyz"],
    ]


@every_loader
def test_groups_by_file_names_stay_together(tmp_path, kind):
    values = {"cat": range(1, 41), "dog": range(41, 81)}
    spec = kind.build(tmp_path, {"": values})
    loading = dataclasses.replace(
        kind.loading, group_pattern=r"(\d)\.(?:png|txt)$"
    )
    train, test = (load(spec, loading).splits[k] for k in ("train", "test"))
    last = [
        {part.name_of(n)[-5] for n in range(len(part))}
        for part in (train, test)
    ]
    assert last[0] | last[1] == set("0123456789")
    assert not last[0] & last[1] and len(last[1]) > 0
    wrong = dataclasses.replace(loading, group_pattern="cat")
    message = "--group_pattern=cat must find a group .* got none in '.*dog"
    with pytest.raises(UserError, match=message):
        load(spec, wrong)
