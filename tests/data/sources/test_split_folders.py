import pytest

from keras_ptft.data.sources.split_folders import split_folders
from keras_ptft.errors import UserError


@pytest.fixture
def found(tmp_path):
    """What is found among folders of these names."""

    def found(*names):
        for name in names:
            (tmp_path / name).mkdir(parents=True)
        splits, others, notes = split_folders(tmp_path)
        names = {split: path.name for split, path in splits.items()}
        return names, [path.name for path in others], notes

    return found


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        ("train test", {"train": "train", "test": "test"}),
        ("train val", {"train": "train", "validation": "val"}),
        ("Training Dev", {"train": "Training", "validation": "Dev"}),
        ("TRAIN_SET test_images .git", {"train": "TRAIN_SET"}),
        ("Train", {"train": "Train"}),
        ("test", {"test": "test"}),
    ],
)
def test_folders_of_splits(found, names, splits):
    names, others, notes = found(*names.split())
    assert splits.items() <= names.items() and others == []
    renamed = [(k, name) for k, name in names.items() if name.lower() != k]
    assert notes == tuple(
        f"folder {name} is read as the {split} split" for split, name in renamed
    )


def test_other_folders_beside_train_and_test(found):
    names, others, notes = found("train", "test", "masks", "trainer")
    assert list(names) == ["train", "test"]
    assert others == ["masks", "trainer"] and notes == ()


def test_one_name_of_a_split_among_classes(found):
    names, others, notes = found("car", "plane", "train")
    assert names == {} and others == []
    assert notes == ("folder train is taken for a class, as car beside it is",)


def test_no_folder_of_a_split(found):
    assert found("cat", "dog") == ({}, [], ())


@pytest.mark.parametrize(
    ("names", "split", "both"),
    [
        ("Train train test", "train", "Train and train"),
        ("train val valid", "validation", "val and valid"),
        ("train test test_set x", "test", "test and test_set"),
    ],
)
def test_two_folders_for_one_split(found, names, split, both):
    message = f"must hold one folder for the {split} split, got {both}: merge"
    with pytest.raises(UserError, match=message):
        found(*names.split())


def test_classes_beside_the_folder_of_a_split(found):
    message = "test is named after a split and holds cat, as .* does: move the"
    with pytest.raises(UserError, match=message):
        found("cat", "dog", "test/cat", "test/dog")
