"""Parquet files of splits and in shards, of numbers and of texts."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.sources.parquet import parquet
from keras_ptft.errors import UserError

TEXTS = Loading(text_columns=("text",))


@pytest.fixture
def write(tmp_path):
    def write(name, **columns):
        pq.write_table(pa.table(columns), tmp_path / name)
        return str(tmp_path)

    return write


def inputs(source):
    return source.gather(tf.range(len(source), dtype=tf.int64)).numpy()


def test_files_of_splits(write):
    write("train.parquet", a=[1, 2, 3], b=[1.5, 2.5, 0.0], label=[10, 9, 10])
    folder = write("Valid.parquet", label=[9], b=[0.5], a=[4])
    write("other.parquet", a=[1])
    dataset = parquet(Loading(), folder)
    assert dataset.columns == ("a", "b")
    assert dataset.label_names == ("9", "10")
    assert inputs(dataset.splits["validation"]).tolist() == [[4, 0.5]]
    assert dataset.splits["train"].labels.tolist() == [1, 0, 1]
    assert dataset.notes == (
        "columns of Valid.parquet stand in another order than in training "
        "and are taken by name",
        "column 'a' counts the rows: leave it out if it is no feature",
        "1 file is not read, being named after no split (other.parquet)",
    )


def test_shards_are_taken_together(write, tmp_path):
    write("train-00001-of-00002.parquet", text=["c"], label=["y"])
    write("train-00000-of-00002.parquet", text=["a", "b"], label=["x", "y"])
    path = write("test-00000-of-00001.parquet", text=["d"], label=["x"])
    dataset = load(f"parquet:{path}", TEXTS)
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert inputs(train).tolist() == [b"a", b"b", b"c"]
    assert train.labels.tolist() == [0, 1, 1]
    assert inputs(test).tolist() == [b"d"]
    assert train.name_of(2) == f"{tmp_path}/train-00001-of-00002.parquet, row 1"
    files = tmp_path.glob("*.parquet")
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    assert account(dataset).found == rows == 4


def test_a_shard_is_missing(write):
    path = write("train-00000-of-00002.parquet", text=["a"], label=["x"])
    with pytest.raises(UserError, match="hold all 2 train shards, got 1: add"):
        parquet(TEXTS, path)
    write("train-00001-of-00002.parquet", text=["b"], label=["y"])
    write("train-00001-of-00003.parquet", text=["b"], label=["y"])
    message = "one set of train files, got train-00000-of-00002.parquet and t"
    with pytest.raises(UserError, match=message):
        parquet(TEXTS, path)


def test_shards_beside_a_whole_file(write):
    # as Hugging Face names them, with checksums
    write("train-00000-of-00002-0a9f.parquet", text=["a"], label=["x"])
    write("train-00001-of-00002-77cc.parquet", text=["b"], label=["y"])
    write("more.parquet", text=["d"], label=["y"])
    path = write("valid.parquet", text=["c"], label=["y"])
    dataset = parquet(TEXTS, path)
    sizes = {split: len(part) for split, part in dataset.splits.items()}
    assert sizes == {"train": 2, "validation": 1}
    assert dataset.notes == (
        "1 file is not read, being named after no split (more.parquet)",
    )
    write("train.parquet", text=["a"], label=["x"])
    with pytest.raises(UserError, match="one set of train files, got train-00"):
        parquet(TEXTS, path)


def test_shards_without_training(write):
    path = write("test-00000-of-00001.parquet", text=["a"], label=["x"])
    with pytest.raises(UserError, match="must hold train shards, got test"):
        parquet(TEXTS, path)


def test_unlabelled_texts_in_groups(write):
    path = write("a.parquet", text=["a", "b", "c"], author=[1, 2, 1])
    loading = Loading(
        text_columns=("text",), label_column="", group_column="author"
    )
    dataset = parquet(loading, f"{path}/a.parquet")
    assert dataset.label_names == ()
    groups = dataset.splits["train"].groups
    assert groups[0] == groups[2] != groups[1]


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        (["a", None], ["x", "y"], "row 2, column 'text': expected text, got n"),
        (["a", "b"], ["x", None], "row 2: empty 'label'"),
        (["a", "b"], [0.5, 1.0], "row 1, column 'label': .* got 0.5"),
        ([1, 2], ["x", "y"], "row 1, column 'text': expected text, got 1"),
    ],
)
def test_what_cannot_be_used(write, text, label, message):
    path = write("a.parquet", text=text, label=label)
    with pytest.raises(UserError, match=message) as caught:
        parquet(TEXTS, f"{path}/a.parquet")
    assert "\n" not in str(caught.value)


def test_whole_floats_are_labels_as_csv_would_have_them(write):
    path = write("a.parquet", text=["a", "b"], label=[1.0, 2.0])
    assert parquet(TEXTS, f"{path}/a.parquet").label_names == ("1.0", "2.0")


def test_images_in_parquet_are_refused(write):
    picture = {"bytes": b"", "path": "a.png"}
    path = write("train.parquet", image=[picture], label=[1])
    with pytest.raises(UserError, match=r"'image': .* got images in Parquet"):
        parquet(Loading(), path)


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match=r"No Parquet file .*train.parquet"):
        parquet(Loading(), str(tmp_path))
    with pytest.raises(UserError, match="group_pattern=a is not for --dataset"):
        (tmp_path / "a.parquet").touch()
        pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
        parquet(Loading(group_pattern="a"), f"{tmp_path}/a.parquet")
