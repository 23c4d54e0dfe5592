import pytest

from keras_ptft.data.sources.split_discovery import (
    split_files,
    split_of,
    unread_files,
)
from keras_ptft.errors import UserError


@pytest.fixture
def named(tmp_path):
    """What is found at a path among files of these names."""

    def named(path, *names):
        for name in names:
            (tmp_path / name).write_text("")
        found = split_files(str(tmp_path / path), ["tsv", "txt"], "TSV")
        return {split: file.name for split, file in found.items()}

    return named


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("train", "train training Train TRAINING training_set Train_Data"),
        ("train", "train-images images.train data_train_set _train"),
        ("validation", "validation valid val dev development VALID val_imgs"),
        ("test", "test testing tests eval evaluation Test-Photos test_split"),
        ("", "trainer latest trains old_train train_test train2 x data set"),
        ("", "testament validated develop evaluations . -"),
    ],
)
def test_names_of_splits(split, names):
    for name in names.split():
        assert split_of(name) == split, name
    assert split_of(names.split()[0].replace("_", " ") + " Data") == split
    assert split_of("") == ""


def test_a_file_is_all_there_is(named):
    assert named("a b.csv", "a b.csv") == {"train": "a b.csv"}
    assert named("test.tsv", "test.tsv") == {"train": "test.tsv"}


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev", "VALID"])
def test_a_folder_of_splits(named, name):
    names = ["train.tsv", f"{name}.txt", "test.tsv", "old_train.tsv", "a.tsv"]
    assert named("", *names, "train.tsv.gz", "xtrain.tsv", ".test.tsv") == {
        "train": "train.tsv",
        "validation": f"{name}.txt",
        "test": "test.tsv",
    }


def test_any_case_of_names_and_endings(named):
    names = ["Train.TSV", "VALID.Txt", "Testing_Data.tsv"]
    assert named("", *names) == dict(
        zip(("train", "validation", "test"), names, strict=True)
    )


@pytest.mark.parametrize("sign", ["", "_", "-", "."])
def test_files_that_begin_alike(named, sign):
    names = [f"zh+{sign}train.tsv", f"zh+{sign}Test.TSV", "zhh_train.tsv"]
    others = ["zh+_x_test.tsv", "test.tsv"]
    assert named("zh+", *names, *others) == {
        "train": names[0],
        "test": names[1],
    }


def test_two_files_for_one_split(named):
    message = "must hold one validation file, got dev.tsv and val.txt: move"
    with pytest.raises(UserError, match=message):
        named("", "train.tsv", "dev.tsv", "val.txt")
    message = "must hold one train file, got Train.tsv and train.tsv: move"
    with pytest.raises(UserError, match=message):
        named("", "Train.tsv", "val.txt")


def test_no_file_to_train_on(named):
    message = r"^No TSV file '.*train.tsv': give a file, a folder with"
    with pytest.raises(UserError, match=message):
        named("", "test.tsv", "trainer.tsv")
    with pytest.raises(UserError, match=r"No TSV file '.*/none': give a file"):
        named("none")


def test_files_of_no_split_are_told_of(named, tmp_path):
    found = named("", "train.tsv", "a.TSV", "old_test.txt", "README.md")
    files = {split: tmp_path / name for split, name in found.items()}
    assert unread_files(str(tmp_path), files, ["tsv", "txt"]) == (
        "2 files are not read, being named after no split (a.TSV, "
        "old_test.txt)",
    )
    assert unread_files(str(tmp_path), files, ["md"]) == (
        "1 file is not read, being named after no split (README.md)",
    )
    assert unread_files(str(tmp_path / "a.TSV"), files, ["txt"]) == ()
    assert unread_files(str(tmp_path), files, ["csv"]) == ()
