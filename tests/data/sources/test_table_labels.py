"""Numbers and sets of labels in every form of table."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from keras_ptft.data import Loading, load
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import NUMBERS, SETS
from keras_ptft.errors import UserError

COUNT = 40


def example(n):
    return {
        "a": n * 0.5,
        "b": -n,
        "text": f"text number {n}",
        "file": f"{n}.png",
        "price": n / 4 - 3,
        "even": n % 2 == 0,
        "third": int(n % 3 == 0),
        "owner": f"o{n}",
    }


def tags_of(n):
    names = {"even": n % 2 == 0, "third": n % 3 == 0}
    return [name for name, there in names.items() if there]


def write(path, columns, rows=None, tags=None):
    rows = [example(n) for n in range(COUNT)] if rows is None else rows
    kept = [{name: row[name] for name in columns} for row in rows]
    if tags is not None:
        kept = [{**row, "tags": tags(tags_of(n))} for n, row in enumerate(kept)]
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(kept), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in kept))
    else:
        with path.open("w", newline="") as file:
            mark = "\t" if path.suffix == ".tsv" else ","
            writer = csv.DictWriter(file, list(kept[0]), delimiter=mark)
            writer.writeheader()
            writer.writerows(kept)


def values_of(dataset):
    """What is to be predicted of all examples, by their hashes."""
    found = {}
    for source in dataset.splits.values():
        rows = zip(source.hashes.tolist(), source.values.tolist(), strict=True)
        found |= dict(rows)
    return found


NUMBER = Loading(label_kind=NUMBERS, label_column="price")
FLAGS = Loading(label_kind=SETS, label_columns=("third", "even"))
TAGS = Loading(label_kind=SETS, label_column="tags")
TEXT = {"text_columns": ("text",)}


def with_(loading, **settings):
    return Loading(**{**vars(loading), **settings})


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_number_beside_numbers(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    write(path, ["a", "price", "b"])
    dataset = load(f"{ending}:{path}", NUMBER)
    assert dataset.label_kind == NUMBERS and dataset.label_names == ()
    assert dataset.columns == ("a", "b")
    assert dataset.info.target.name == "price"
    found = sorted(values_of(dataset).values())
    assert found == [n / 4 - 3 for n in range(COUNT)]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_a_number_of_a_text(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    write(path, ["text", "price"])
    dataset = load(f"{ending}:{path}", with_(NUMBER, **TEXT))
    assert sorted(values_of(dataset).values())[0] == -3.0
    train = dataset.splits["train"]
    # each text has its own number
    (text,) = train.gather(np.array([4])).numpy()
    assert train.values[4] == int(text.split()[-1]) / 4 - 3


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_a_column_for_each_label(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    write(path, ["text", "even", "third"])
    dataset = load(f"{ending}:{path}", with_(FLAGS, **TEXT))
    assert dataset.label_kind == SETS
    assert dataset.label_names == ("third", "even")
    train = dataset.splits["train"]
    (text,) = train.gather(np.array([4])).numpy()
    n = int(text.split()[-1])
    assert train.values[4].tolist() == [n % 3 == 0, n % 2 == 0]


def test_columns_of_labels_are_no_features(tmp_path):
    write(tmp_path / "a.csv", ["a", "even", "b", "third", "owner"])
    loading = with_(FLAGS, group_column="owner")
    dataset = load(f"csv:{tmp_path}/a.csv", loading)
    assert dataset.columns == ("a", "b")
    assert dataset.splits["train"].groups is not None


@pytest.mark.parametrize(
    ("ending", "form"),
    [
        ("csv", ";".join),
        ("tsv", "; ".join),
        ("jsonl", list),
        ("jsonl", ";".join),
        ("parquet", list),
    ],
)
def test_a_column_of_lists(ending, form, tmp_path):
    path = tmp_path / f"a.{ending}"
    write(path, ["text"], tags=form)
    dataset = load(f"{ending}:{path}", with_(TAGS, **TEXT))
    assert dataset.label_names == ("even", "third")
    counts = sum(p.values.sum(axis=0) for p in dataset.splits.values())
    assert counts.tolist() == [20, 14]


@pytest.mark.parametrize("mark", [",", " | ", "/"])
def test_another_sign_between_labels_is_told_of(mark, tmp_path):
    write(tmp_path / "a.csv", ["text"], tags=mark.join)
    dataset = load(f"csv:{tmp_path}/a.csv", with_(TAGS, **TEXT))
    (note,) = dataset.notes
    assert f"'even{mark}third' is taken for one" in note


@pytest.fixture
def images(tmp_path):
    for n in range(COUNT):
        pixels = np.full((8, 8, 3), 250, np.uint8)
        pixels[n % 8, n // 8] = n
        Image.fromarray(pixels).save(tmp_path / f"{n}.png")
    return tmp_path


def test_images_have_numbers_and_sets(images):
    write(images / "a.csv", ["file", "price", "even", "third"])
    paths = {"image_column": "file", "image_size": 8}
    dataset = load(f"csv:{images}/a.csv", with_(NUMBER, **paths))
    assert sorted(values_of(dataset).values())[-1] == 39 / 4 - 3
    assert dataset.target_name == "price"
    dataset = load(f"csv:{images}/a.csv", with_(FLAGS, **paths))
    for source in dataset.splits.values():
        name = source.name_of(0).rpartition("/")[2]
        n = int(name.partition(".")[0])
        assert source.values[0].tolist() == [n % 3 == 0, n % 2 == 0]


def test_an_image_that_cannot_be_decoded_leaves_the_others_their_numbers(
    images,
):
    (images / "3.png").write_bytes(b"no image")
    write(images / "a.csv", ["file", "price"])
    paths = {"image_column": "file", "image_size": 8, "skip_bad_images": True}
    dataset = load(f"csv:{images}/a.csv", with_(NUMBER, **paths))
    for source in dataset.splits.values():
        for index, value in enumerate(source.values.tolist()):
            name = source.name_of(index).rpartition("/")[2]
            assert value == int(name.partition(".")[0]) / 4 - 3
    assert [part.count for part in dataset.left_out] == [1]


def test_an_image_with_two_numbers(images):
    rows = [example(n) for n in range(COUNT)]
    rows[7]["file"] = "3.png"
    write(images / "a.csv", ["file", "price"], rows)
    with pytest.raises(UserError, match=r"has label -1.25, but -2.25 in"):
        load(f"csv:{images}/a.csv", with_(NUMBER, image_column="file"))


def test_a_metadata_table_of_numbers(images):
    rows = [{"file_name": f"{n}.png", "price": n / 4} for n in range(COUNT)]
    write(images / "metadata.csv", ["file_name", "price"], rows)
    dataset = load(f"folder:{images}", with_(NUMBER, image_size=8))
    assert sum(map(len, dataset.splits.values())) == COUNT
    assert dataset.target_name == "price"


def test_a_number_that_is_none(tmp_path):
    rows = [example(n) for n in range(COUNT)]
    rows[4]["price"] = "cheap"
    write(tmp_path / "a.csv", ["a", "price"], rows)
    with pytest.raises(UserError) as caught:
        load(f"csv:{tmp_path}/a.csv", NUMBER)
    assert str(caught.value) == (
        f"{tmp_path}/a.csv, line 6, column 'price': expected a number to "
        "predict, got 'cheap': correct it, or leave the row out."
    )


def test_a_label_of_a_set_that_training_lacks(tmp_path):
    write(tmp_path / "train.jsonl", ["text"], tags=list)
    rows = [{"text": "x", "tags": ["Even"]}]
    write(tmp_path / "test.jsonl", ["text", "tags"], rows)
    with pytest.raises(UserError, match=r'"even"\?.*correct it'):
        load(f"jsonl:{tmp_path}", with_(TAGS, **TEXT))


def test_a_model_s_labels_are_taken_in_its_order(tmp_path):
    write(tmp_path / "a.jsonl", ["text"], tags=list)
    trained = DataInfo(label_names=("third", "other", "even"))
    loading = with_(TAGS, trained=trained, scoring=True, as_test=True, **TEXT)
    dataset = load(f"jsonl:{tmp_path}/a.jsonl", loading)
    assert dataset.label_names == ("third", "other", "even")
    assert dataset.splits["test"].values[:2].tolist() == [[1, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("loading", "told"),
    [
        (with_(NUMBER, label_column=""), "a number an example, but --label_c"),
        (with_(TAGS, label_column=""), "--label_columns are empty: name"),
        (with_(NUMBER, label_column="cost"), "has no column 'cost'"),
        (
            with_(FLAGS, label_columns=("even", "odd")),
            "no column 'odd'.*--label",
        ),
        (with_(FLAGS, label_columns=("even", "even")), "'even' twice: leave"),
        (
            with_(FLAGS, label_columns=("even", "b")),
            "expected 0 or 1, got '-1'",
        ),
    ],
)
def test_columns_that_hold_no_such_labels(loading, told, tmp_path):
    write(tmp_path / "a.csv", ["a", "b", "even", "price"])
    with pytest.raises(UserError, match=told) as caught:
        load(f"csv:{tmp_path}/a.csv", loading)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [NUMBERS, SETS])
def test_data_that_have_classes_are_refused(kind):
    with pytest.raises(UserError, match="--dataset=digits has classes: give"):
        load("digits", Loading(label_kind=kind))
