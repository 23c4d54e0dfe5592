import dataclasses
import json
import os

import pytest

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.errors import UserError
from tests.data.sources.file_sets import (
    SMALL,
    colours,
    draw,
    whole,
    write_table,
)


def write_metadata(folder, values, *, suffix=".csv"):
    rows = []
    for value in values:
        draw(folder / "deep" / f"{value:02}.png", value + 1)
        rows.append((f"deep/{value:02}.png", ("cat", "dog")[value % 2], 0))
    table = write_table(folder / f"metadata{suffix}", rows)
    if suffix != ".parquet":
        table.write_text(table.read_text().replace("file", "file_name", 1))
    return table


def test_metadata_beside_images(tmp_path):
    table = write_metadata(tmp_path, range(40))
    for name in ("more.png", "deep/more.png", "x/a.png"):
        draw(tmp_path / name, 99)
    (tmp_path / "README.md").write_text("")
    (tmp_path / "deep" / "._a.png").write_text("")
    dataset = load(f"folder:{tmp_path}", SMALL)
    assert whole(dataset)[:2] == [(1, "cat"), (2, "dog")]
    note = "images and labels are those of metadata.csv, not of class folders"
    assert dataset.notes == (note,)
    assert list(map(str, dataset.left_out)) == [
        "1 of a format that is not read (README.md)",
        "3 that the table does not name (more.png, deep/more.png, x/a.png)",
        "1 hidden (deep/._a.png)",
    ]
    files = sum(len(names) for _, _, names in os.walk(tmp_path))
    assert account(dataset).found == files - 1 == 45
    # the column may have another name
    table.write_text(table.read_text().replace("file_name", "pic", 1))
    other = dataclasses.replace(SMALL, image_column="pic")
    assert whole(load(f"folder:{tmp_path}", other)) == whole(dataset)


def test_metadata_in_folders_of_splits(tmp_path):
    train = write_metadata(tmp_path / "Train", range(20))
    lines = (
        json.dumps({"file_name": f"deep/{n}.png", "label": label})
        for n, label in ((30, "dog"), (31, "cat"))
    )
    for value in (30, 31, 32):
        draw(tmp_path / "valid" / "deep" / f"{value}.png", value)
    (tmp_path / "valid" / "metadata.jsonl").write_text("\n".join(lines))
    draw(tmp_path / "beside.png", 1)
    draw(tmp_path / ".cache" / "a.png", 1)
    dataset = load(f"folder:{tmp_path}", SMALL)
    assert dataset.splits["validation"].labels.tolist() == [1, 0]
    assert colours(dataset.splits["validation"]) == [30, 31]
    assert dataset.drawn == ("test",)
    assert list(map(str, dataset.left_out)) == [
        "1 that the table does not name (beside.png)",
        "1 hidden (.cache/a.png)",
        "1 that the table does not name in validation (valid/deep/32.png)",
    ]
    files = sum(len(names) for _, _, names in os.walk(tmp_path))
    assert account(dataset).found == files - 2
    assert dataset.notes == (
        "images and labels are those of Train/metadata.csv, "
        "valid/metadata.jsonl, not of class folders",
        "folder valid is read as the validation split",
    )
    train.unlink()
    message = "Train must hold a metadata.jsonl, as .*valid does: add it"
    with pytest.raises(UserError, match=message):
        load(f"folder:{tmp_path}", SMALL)


def test_metadata_without_a_split_to_train_on(tmp_path):
    for split in ("test", "dev"):
        write_metadata(tmp_path / split, range(4))
    message = "must have a train split, got validation, test: add one"
    with pytest.raises(UserError, match=message):
        load(f"folder:{tmp_path}", SMALL)
    scoring = dataclasses.replace(SMALL, scoring=True)
    splits = load(f"folder:{tmp_path}", scoring).splits
    assert list(splits) == ["validation", "test"]
    assert splits["test"].labels.tolist() == [0, 1, 0, 1]


def test_two_tables_of_one_folder(tmp_path):
    write_metadata(tmp_path, range(4))
    (tmp_path / "metadata.jsonl").write_text("{}")
    message = "must hold one table of its images, got metadata.csv and metadat"
    with pytest.raises(UserError, match=message):
        load(f"folder:{tmp_path}", SMALL)


def test_metadata_of_something_else_beside_class_folders(tmp_path):
    for value in range(20):
        draw(tmp_path / ("cat", "dog")[value % 2] / f"{value}.png", value + 1)
    write_table(tmp_path / "metadata.csv", [("a", "b", "c")])
    dataset = load(f"folder:{tmp_path}", SMALL)
    assert dataset.label_names == ("cat", "dog")
    assert list(map(str, dataset.left_out)) == [
        "1 in no class folder (metadata.csv)"
    ]


def test_metadata_without_labels_or_class_folders(tmp_path):
    draw(tmp_path / "a.png", 1)
    (tmp_path / "metadata.csv").write_text("file_name,kind\na.png,cat\n")
    message = "has no column 'label': choose by --label_column one of file_na"
    with pytest.raises(UserError, match=message):
        load(f"folder:{tmp_path}", SMALL)
