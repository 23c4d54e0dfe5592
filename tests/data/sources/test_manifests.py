import dataclasses
import os

import pyarrow
import pyarrow.parquet
import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.core.info import ImageForm
from keras_ptft.errors import UserError
from tests.data.sources.file_sets import colours, draw, whole, write_table

LOADING = Loading(image_size=8, image_column="file")


@pytest.fixture
def rows(tmp_path):
    """40 images of two labels and ten patients, and the rows of a table."""
    rows = []
    for value in range(40):
        name = f"images/{value:02}.png"
        draw(tmp_path / name, value + 1)
        rows.append((name, ("cat", "dog")[value % 2], value // 4))
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_of_tables(tmp_path, rows, kind):
    table = write_table(tmp_path / f"labels.{kind}", rows)
    dataset = load(f"{kind}:{table}", LOADING)
    assert dataset.label_names == ("cat", "dog")
    assert whole(dataset) == [(n + 1, ("cat", "dog")[n % 2]) for n in range(40)]
    assert dataset.drawn == ("test",) and account(dataset).found == 40
    train = dataset.splits["train"].source
    assert train.name_of(3) == str(tmp_path / "images" / "03.png")
    assert dataset.spec == tf.TensorSpec((8, 8, 3), tf.uint8, "image")


def test_files_of_splits(tmp_path, rows):
    for name, part in (("Train", rows[:30]), ("TEST", rows[30:])):
        write_table(tmp_path / f"{name}.CSV", part)
    write_table(tmp_path / "old.csv", rows)
    dataset = load(f"csv:{tmp_path}", LOADING)
    assert {k: len(part) for k, part in dataset.splits.items()} == {
        "train": 30,
        "test": 10,
    }
    note = "1 file is not read, being named after no split (old.csv)"
    assert dataset.notes == (note,)


@pytest.mark.slow
def test_where_paths_begin(tmp_path, rows):
    table = write_table(tmp_path / "tables.csv", rows)
    (tmp_path / "deep").mkdir()
    os.rename(table, tmp_path / "deep" / "labels.csv")
    spec = f"csv:{tmp_path / 'deep' / 'labels.csv'}"
    with pytest.raises(UserError) as caught:
        load(spec, LOADING)
    table = tmp_path / "deep" / "labels.csv"
    assert str(caught.value) == (
        f"{table}, line 2: {tmp_path / 'deep' / 'images' / '00.png'} is no "
        "file (40 of 40 rows): correct the path or --image_root, or leave "
        "such rows out by --skip_bad_images."
    )
    root = dataclasses.replace(LOADING, image_root=str(tmp_path))
    expected = whole(load(spec, root))
    assert len(expected) == 40
    for absolute in (f"{tmp_path}/", "../", f"{tmp_path}/deep/../"):
        moved = [(f"{absolute}{name}", *rest) for name, *rest in rows]
        write_table(table, moved)
        assert whole(load(spec, LOADING)) == expected
    nowhere = dataclasses.replace(LOADING, image_root=str(tmp_path / "none"))
    message = "^--image_root=.*none must be a folder of images: correct the"
    with pytest.raises(UserError, match=message):
        load(spec, nowhere)


def test_files_that_are_missing_or_damaged(tmp_path, rows):
    rows[2] = ("images/none.png", "cat", 0)
    rows[5] = ("images", "dog", 0)
    rows[6] = ("x" * 5000, "dog", 0)
    (tmp_path / "images" / "09.png").write_bytes(b"no image")
    table = write_table(tmp_path / "labels.csv", rows)
    message = r"labels.csv, line 4: .*none.png is no file \(3 of 40 rows\): co"
    with pytest.raises(UserError, match=message):
        load(f"csv:{table}", LOADING)
    skip = dataclasses.replace(LOADING, skip_bad_images=True)
    dataset = load(f"csv:{table}", skip)
    left = {part.reason: part for part in dataset.left_out}
    gone = left["whose file is not there"]
    assert gone.count == 3 and gone.classes == {"cat": 1, "dog": 2}
    assert gone.first[0] == f"{table}, line 4: {tmp_path}/images/none.png"
    assert left["that cannot be decoded"].first == ("images/09.png",)
    assert left["that cannot be decoded"].classes == {"dog": 1}
    # three rows name other files than those that are there
    assert left["that the table does not name"].count == 3
    assert account(dataset).found == 40 + 3
    assert len(whole(dataset)) == 36


def test_a_table_of_missing_files_alone(tmp_path):
    table = write_table(tmp_path / "a.csv", [("none.png", "cat", 0)])
    skip = dataclasses.replace(LOADING, skip_bad_images=True)
    with pytest.raises(
        UserError, match=r"a\.csv names no image that is there: "
    ):
        load(f"csv:{table}", skip)


@pytest.mark.slow
def test_files_that_no_row_names(tmp_path, rows):
    """All files count below a root, else those beside named ones."""
    images = tmp_path / "images"
    draw(images / "more.png", 99)
    (images / ".DS_Store").write_text("")
    (images / "notes.txt").write_text("")
    draw(images / "deep" / "more.png", 98)
    draw(tmp_path / "elsewhere.png", 97)
    table = write_table(tmp_path / "labels.csv", rows)
    dataset = load(f"csv:{table}", LOADING)
    assert list(map(str, dataset.left_out)) == [
        "1 hidden (images/.DS_Store)",
        "1 that the table does not name (images/more.png)",
        "1 of a format that is not read (images/notes.txt)",
    ]
    assert account(dataset).found == 43 == len(os.listdir(images)) - 1
    root = dataclasses.replace(LOADING, image_root=str(tmp_path))
    dataset = load(f"csv:{table}", root)
    assert list(map(str, dataset.left_out)) == [
        "3 that the table does not name (elsewhere.png, images/more.png, "
        "images/deep/more.png)",
        "1 hidden (images/.DS_Store)",
        "1 of a format that is not read (images/notes.txt)",
    ]
    files = sum(len(names) for _, _, names in os.walk(tmp_path))
    assert account(dataset).found == files - 1


def test_one_file_in_two_rows(tmp_path, rows):
    again = [*rows, ("./images/../images/03.png", "dog", 0)]
    table = write_table(tmp_path / "labels.csv", again)
    dataset = load(f"csv:{table}", LOADING)
    assert dataset.notes == ("1 rows name a file that a row before names",)
    assert account(dataset).found == 41
    write_table(table, [*rows, ("images/03.png", "cat", 0)])
    with pytest.raises(UserError) as caught:
        load(f"csv:{table}", LOADING)
    assert str(caught.value) == (
        f"{table}, line 42: {tmp_path}/images/03.png has label 'cat', but "
        f"'dog' in {table}, line 5: keep one."
    )


@pytest.mark.slow
def test_groups_by_a_column_or_by_names(tmp_path, rows):
    table = write_table(tmp_path / "labels.csv", rows)
    by_column = dataclasses.replace(LOADING, group_column="patient")
    dataset = load(f"csv:{table}", by_column)
    patients = {
        split: {(colour - 1) // 4 for colour in colours(part)}
        for split, part in dataset.splits.items()
    }
    assert not patients["train"] & patients["test"]
    assert patients["train"] | patients["test"] == set(range(10))
    by_name = dataclasses.replace(LOADING, group_pattern=r"images/(\d)")
    dataset = load(f"csv:{table}", by_name)
    tens = {
        split: {(colour - 1) // 10 for colour in colours(part)}
        for split, part in dataset.splits.items()
    }
    assert not tens["train"] & tens["test"]
    assert tens["train"] | tens["test"] == set(range(4))


def test_settings_that_exclude_each_other(tmp_path, rows):
    table = write_table(tmp_path / "labels.csv", rows)
    both = dataclasses.replace(LOADING, group_column="a", group_pattern="b")
    message = "^--group_column=a and --group_pattern=b exclude each other: le"
    with pytest.raises(UserError, match=message):
        load(f"csv:{table}", both)
    both = dataclasses.replace(LOADING, text_columns=("a", "b"))
    message = "^--image_column=file and --text_column=a,b exclude each other"
    with pytest.raises(UserError, match=message):
        load(f"csv:{table}", both)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("image_column", "fil"), ("label_column", "labl"), ("group_column", "p")],
)
def test_columns_that_are_not_there(tmp_path, rows, setting, value):
    table = write_table(tmp_path / "labels.csv", rows)
    loading = dataclasses.replace(LOADING, **{setting: value})
    message = f"has no column '{value}'.* choose by --{setting} one of file, "
    with pytest.raises(UserError, match=message) as caught:
        load(f"csv:{table}", loading)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("", "cat", 1), "line 42: empty 'file': fill it in"),
        (("images/01.png", "", 1), "line 42: empty 'label': fill it in"),
        (("images/01.png", "dog", " "), "line 42: empty 'patient': fill"),
    ],
)
def test_cells_that_are_empty(tmp_path, rows, row, message):
    table = write_table(tmp_path / "labels.csv", [*rows, row])
    loading = dataclasses.replace(LOADING, group_column="patient")
    with pytest.raises(UserError, match=message):
        load(f"csv:{table}", loading)


def test_images_that_are_in_parquet_themselves(tmp_path):
    images = [{"bytes": b"png", "path": "a.png"}] * 2
    table = pyarrow.table({"file": images, "label": ["cat", "dog"]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    message = "column 'file': expected text .*, got images in Parquet, which"
    with pytest.raises(UserError, match=message):
        load(f"parquet:{tmp_path / 'a.parquet'}", LOADING)


def test_images_without_labels(tmp_path, rows):
    table = write_table(tmp_path / "labels.csv", rows)
    loading = dataclasses.replace(LOADING, label_column="")
    dataset = load(f"csv:{table}", loading)
    assert dataset.label_names == () and account(dataset).found == 40


def test_folders_of_splits_in_one_table_are_told_of(tmp_path):
    rows = []
    for value in range(40):
        name = f"{'test' if value < 9 else 'train'}/{value}.png"
        draw(tmp_path / name, value + 1)
        rows.append((name, ("cat", "dog")[value % 2], 0))
    table = write_table(tmp_path / "labels.csv", rows)
    dataset = load(f"csv:{table}", LOADING)
    assert dataset.notes == (
        "folders test, train are not read as splits: give each its own table",
    )


def test_many_formats_by_a_table(cases, tmp_path):
    folder = cases / "other_formats" / "mixed_webp"
    files = sorted(folder.rglob("*.*"))
    rows = [(str(file), file.parent.name, 0) for file in files]
    table = write_table(tmp_path / "all.csv", rows)
    dataset = load(f"csv:{table}", LOADING)
    assert dataset.label_names == ("circle", "cross")
    assert sum(map(len, dataset.splits.values())) == len(files) == 160
    assert dataset.left_out == ()


@pytest.mark.slow
def test_black_ink_on_transparency_by_a_table(cases, tmp_path):
    files = sorted((cases / "opacity" / "alpha").rglob("*.png"))
    rows = [(str(file), file.parent.name, 0) for file in files]
    table = write_table(tmp_path / "all.csv", rows)
    dataset = load(f"csv:{table}", LOADING)
    assert dataset.image_form == ImageForm() and dataset.notes == ()
    black = dataclasses.replace(LOADING, image_form=ImageForm((0, 0, 0)))
    with pytest.raises(UserError, match=r"120 train inputs .* are the same"):
        load(f"csv:{table}", black)
