import numpy as np
import pytest

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.sources.split_discovery import split_files, with_test
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


def test_a_file_is_all_there_is(named):
    assert named("a b.csv", "a b.csv") == {"train": "a b.csv"}


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev"])
def test_a_folder_of_splits(named, name):
    names = ["train.tsv", f"{name}.txt", "test.tsv", "old_train.tsv", "a.tsv"]
    assert named("", *names, "train.tsv.gz", "xtrain.tsv") == {
        "train": "train.tsv",
        "validation": f"{name}.txt",
        "test": "test.tsv",
    }


@pytest.mark.parametrize("sign", ["", "_", "-", "."])
def test_files_that_begin_alike(named, sign):
    names = [f"zh+{sign}train.tsv", f"zh+{sign}test.tsv", "zhh_train.tsv"]
    assert named("zh+", *names) == {"train": names[0], "test": names[1]}


def test_two_files_for_one_split(named):
    message = "must hold one validation file, got dev.tsv and val.txt: move"
    with pytest.raises(UserError, match=message):
        named("", "train.tsv", "dev.tsv", "val.txt")


def test_without_a_test_split_one_is_cut_off():
    source = ArraySource(np.eye(200, dtype=np.float32), np.zeros(200))
    parts = {"train": source, "validation": source}
    splits = with_test(parts, ("a",), 0.5).splits
    assert len(splits["train"]) + len(splits["test"]) == 200
    assert 50 < len(splits["test"]) < 150
    assert splits["validation"] is source
    assert with_test({"train": 1, "test": 2}, (), 0.5).splits["test"] == 2
