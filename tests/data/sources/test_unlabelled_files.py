"""Folders of files whose labels nobody needs."""

import dataclasses

import pytest

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.sources.class_folders import class_files
from keras_ptft.data.sources.image_files import IMAGE_FILES
from keras_ptft.data.sources.unlabelled_files import (
    files_with_or_without_labels,
)
from keras_ptft.errors import UserError
from tests.data.sources.file_sets import draw, write

UNLABELLED = Loading(image_size=8, needs_labels=False)


def touch(root, *names):
    """Makes files, of which only the names count here."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return str(root)


def found_in(path):
    """The names of each split's files, and the classes."""
    found = files_with_or_without_labels(path, IMAGE_FILES)
    splits = {
        split: sorted(file.name for file in part.paths)
        for split, part in found.splits.items()
    }
    return splits, found.names, found.notes


@pytest.mark.parametrize(
    "names, reason",
    [
        (["a.png", "b.png"], "has no class folders"),
        (
            ["2019/a.png", "2019/b.png"],
            "there is only one class folder, '2019'",
        ),
        (["all/may/a.png", "all/june/b.png"], "if june, may below are classes"),
        (["x/a.png", "y/deep/b.png", "z/list.txt"], "folder 'z' has no images"),
    ],
)
def test_all_images_count_where_folders_are_no_classes(tmp_path, names, reason):
    path = touch(tmp_path, *names)
    splits, classes, (note, *_) = found_in(path)
    assert splits == {"train": ["a.png", "b.png"]} and classes == ()
    assert note.startswith("images are used without labels: ")
    assert reason in note


def test_class_folders_keep_their_labels(tmp_path):
    path = touch(tmp_path, "cat/a.png", "dog/b.png")
    found = files_with_or_without_labels(path, IMAGE_FILES)
    expected = class_files(path, IMAGE_FILES)
    assert found.names == expected.names == ("cat", "dog")
    train = found.splits["train"]
    assert train.paths == expected.splits["train"].paths
    assert train.labels.tolist() == [0, 1] and found.notes == ()


def test_images_beside_class_folders_are_told_with_the_remedy(tmp_path):
    names = "cat/a.png", "dog/b.png", "c.png", "d.png", "list.txt"
    path = touch(tmp_path, *names)
    splits, classes, (note,) = found_in(path)
    assert splits == {"train": ["a.png", "b.png"]}
    assert classes == ("cat", "dog")
    assert note.startswith("2 images in no class folder are left out: to ")
    assert f"--dataset=\"folder('{path}', labels=False)\"" in note


def test_folders_of_splits_stay_splits(tmp_path):
    names = "train/a.png", "train/x/b.png", "valid/c.png", "test/d.png"
    path = touch(tmp_path, *names, "e.png", "masks/f.png")
    assert found_in(path)[:2] == (
        {
            "train": ["a.png", "b.png"],
            "validation": ["c.png"],
            "test": ["d.png"],
        },
        (),
    )
    found = files_with_or_without_labels(path, IMAGE_FILES)
    assert {(part.reason, part.first) for part in found.left_out} == {
        ("in a folder of no split", ("masks/f.png",)),
        ("beside the folders of splits", ("e.png",)),
    }


def test_a_folder_without_images_is_refused(tmp_path):
    path = touch(tmp_path, "a.txt")
    with pytest.raises(UserError, match=r"must hold images .*, got none"):
        files_with_or_without_labels(path, IMAGE_FILES)


def test_a_flat_folder_is_split_and_accounted_for(tmp_path):
    for value in range(30):
        draw(tmp_path / f"{value}.png", value)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n")
    touch(tmp_path, ".thumbs/a.png", "list.txt")
    with pytest.raises(UserError, match=r"Cannot decode .*broken\.png"):
        load(f"folder:{tmp_path}", UNLABELLED)
    skipping = dataclasses.replace(UNLABELLED, skip_bad_images=True)
    dataset = load(f"folder:{tmp_path}", skipping)
    assert dataset.label_names == () and dataset.found == 33
    assert sum(map(len, dataset.splits.values())) == 30
    assert {part.reason for part in account(dataset).left_out} == {
        *("hidden", "of a format that is not read"),
        "that cannot be decoded",
    }
    with pytest.raises(UserError, match="; without labels, choose --obj"):
        load(f"folder:{tmp_path}", Loading(image_size=8))


@pytest.mark.slow
def test_labels_are_left_aside_on_request(tmp_path):
    for value in range(12):
        draw(tmp_path / "cat" / f"{value}.png", value)
        draw(tmp_path / "dog" / f"{value}.png", 50 + value)
        draw(tmp_path / f"{value}.png", 100 + value)
    spec = f"folder('{tmp_path}', labels=False)"
    dataset = load(spec, UNLABELLED)
    assert dataset.label_names == ()
    assert sum(map(len, dataset.splits.values())) == 36
    with pytest.raises(UserError, match="labels=False leaves images without"):
        load(spec, Loading(image_size=8))


def test_texts_need_no_class_folders_either(tmp_path):
    for value in range(20):
        write(tmp_path / f"{value}.txt", value)
    dataset = load(f"textfolder:{tmp_path}", Loading(needs_labels=False))
    assert dataset.label_names == ()
    assert sum(map(len, dataset.splits.values())) == 20
    with pytest.raises(UserError, match="must hold one folder for each class"):
        load(f"textfolder:{tmp_path}", Loading())


@pytest.mark.slow
def test_a_column_of_labels_may_be_missing_unless_it_is_named(tmp_path):
    for value in range(12):
        draw(tmp_path / f"{value}.png", value)
    rows = "".join(f"{value}.png,{value % 3}\n" for value in range(12))
    (tmp_path / "metadata.csv").write_text("file_name,year\n" + rows)
    table = f"csv:{tmp_path / 'metadata.csv'}"
    named = dataclasses.replace(UNLABELLED, image_column="file_name")
    for spec, loading in ((f"folder:{tmp_path}", UNLABELLED), (table, named)):
        dataset = load(spec, loading)
        assert dataset.label_names == ()
        note = "there is no column 'label': examples have no labels"
        assert note in dataset.notes
    years = dataclasses.replace(named, label_column="year")
    assert load(table, years).label_names == ("0", "1", "2")
    wrong = dataclasses.replace(named, label_column="years")
    with pytest.raises(UserError, match="has no column 'years'"):
        load(table, wrong)


def test_texts_of_a_table_may_have_no_labels(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n' * 9)
    dataset = load(f"jsonl:{tmp_path / 'a.jsonl'}", Loading(needs_labels=False))
    assert dataset.label_names == ()
    with pytest.raises(UserError, match="'label'"):
        load(f"jsonl:{tmp_path / 'a.jsonl'}", Loading())
