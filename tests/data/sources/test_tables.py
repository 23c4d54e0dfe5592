"""Tables of numbers: columns by name, labels as text, and what is said."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.sources.tables import table
from keras_ptft.errors import UserError


@pytest.fixture
def written(tmp_path):
    def write(text, name="a", **settings):
        (tmp_path / f"{name}.csv").write_bytes(text.encode())
        return table(Loading(**settings), str(tmp_path / f"{name}.csv"))

    return write


@pytest.fixture
def split(tmp_path):
    """A data set of the files of its splits."""

    def write(**settings_and_files):
        files = {
            key: value
            for key, value in settings_and_files.items()
            if key in ("train", "validation", "test")
        }
        for name, text in files.items():
            (tmp_path / f"{name}.csv").write_text(text)
        settings = {
            key: value
            for key, value in settings_and_files.items()
            if key not in files
        }
        return table(Loading(**settings), str(tmp_path))

    return write


def inputs(source):
    return source.gather(tf.range(len(source), dtype=tf.int64)).numpy()


def lines_of(path):
    """Lines that hold something, but for the heading."""
    return sum(1 for line in path.read_text().splitlines() if line) - 1


def test_one_file_is_split_by_content(tmp_path):
    random = np.random.default_rng(0)
    numbers = random.random((100, 2)).round(3)
    lines = [f"{a},{'yn'[n % 2]},{b}" for n, (a, b) in enumerate(numbers)]
    file = tmp_path / "a b.csv"
    file.write_text("\n".join(["width,kind,height", *lines]))
    dataset = load(f"csv:{file}", Loading(label_column="kind"))
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert dataset.label_names == ("n", "y")
    assert dataset.columns == ("width", "height")
    assert dataset.spec == tf.TensorSpec((2,), tf.float32, "vector")
    assert len(train) + len(test) == 100 == account(dataset).found
    assert 5 < len(test) < 40
    assert (inputs(train) == numbers.astype(np.float32)[train.indices]).all()
    assert (train.labels == 1 - train.indices % 2).all()
    # the heading is line 1
    assert train.name_of(0) == f"{file}, line {train.indices[0] + 2}"


def test_two_files_are_train_and_test(split):
    dataset = split(train="a,label\n1,10\n2,9\n3,-1\n", test="a,label\n3,9\n")
    assert dataset.label_names == ("-1", "9", "10")
    assert dataset.splits["train"].labels.tolist() == [2, 1, 0]
    assert inputs(dataset.splits["test"]).tolist() == [[3]]
    assert dataset.splits["test"].labels.tolist() == [1]


def test_a_validation_file_may_stand_beside(tmp_path):
    (tmp_path / "x_train.csv").write_text("a,label\n1,10\n2,9\n")
    (tmp_path / "x_val.csv").write_text("a,label\n5,9\n")
    splits = table(Loading(), str(tmp_path / "x")).splits
    assert inputs(splits["train"]).tolist() == [[1], [2]]
    assert inputs(splits["validation"]).tolist() == [[5]]
    assert splits["validation"].labels.tolist() == [0]
    assert list(splits) == ["train", "validation"]


def test_a_text_column_makes_it_text(written):
    dataset = written(
        "a,say,kind\n1,ja,y\n2,nein,n\n",
        text_columns=("say",),
        label_column="kind",
    )
    assert dataset.spec == tf.TensorSpec((), tf.string, "text")
    assert dataset.columns == ("say",)
    assert inputs(dataset.splits["train"]).tolist() == [b"ja", b"nein"]
    assert dataset.label_names == ("n", "y")


def test_spreadsheets_as_they_come(written):
    text = '\ufeff"a",label\r\n "1.5" ,x\r\n\r\n-2e3, y \r\n'
    dataset = written(text.replace(' "1.5" ', '"1.5"'))
    assert inputs(dataset.splits["train"]).tolist() == [[1.5], [-2000]]
    assert dataset.label_names == ("x", "y")
    (blank,) = dataset.left_out
    assert str(blank) == "1 without content"


def test_semicolons_are_told_and_blank_rows_accounted_for(written):
    text = "a;b;label\n1;2;x\n;;\n3;4;y\n\n5;6;x\n\n"
    dataset = written(text)
    assert dataset.notes == ("columns separated by semicolons (a.csv)",)
    assert inputs(dataset.splits["train"]).tolist() == [[1, 2], [3, 4], [5, 6]]
    # all lines but the heading
    assert account(dataset).found == 6 == text.count("\n") - 1
    assert account(dataset).as_dict()["used"] == 3


def test_columns_of_test_are_found_by_name(split):
    train = "a,b,label\n1,2,x\n3,4,y\n"
    dataset = split(train=train, test="extra,b,label,a\n9,2,x,1\n9,4,y,3\n")
    found = [inputs(dataset.splits[name]) for name in ("train", "test")]
    assert (found[0] == found[1]).all()
    assert dataset.columns == ("a", "b")
    assert dataset.notes == (
        "columns of test.csv that training lacks are left out: 'extra'",
        "columns of test.csv stand in another order than in training and are "
        "taken by name",
    )
    with pytest.raises(UserError) as caught:
        split(train=train, test="A,b,label\n1,2,x\n")
    assert str(caught.value).endswith(
        "test.csv has no column 'a' (did you mean \"A\"?), which training "
        "has: add or rename it."
    )


def test_a_trained_model_says_which_columns(written):
    trained = DataInfo(label_names=("x", "y"), columns=("b", "a"))
    dataset = written("a,c,b,label\n1,5,2,x\n3,5,4,y\n", trained=trained)
    assert inputs(dataset.splits["train"]).tolist() == [[2, 1], [4, 3]]
    assert dataset.columns == ("b", "a")
    assert dataset.notes == (
        "columns of a.csv that training lacks are left out: 'c'",
        "columns of a.csv stand in another order than in training and are "
        "taken by name",
    )
    with pytest.raises(UserError, match="no column 'a', which training has"):
        written("b,label\n1,x\n", trained=trained)


def test_labels_are_the_text_of_the_file(cases):
    file = cases / "label_text" / "zeros.csv"
    dataset = load(f"csv:{file}", Loading())
    assert dataset.label_names == ("007", "042", "100")
    assert account(dataset).found == lines_of(file) == 240
    assert dataset.notes == ()


def test_an_index_without_a_name_is_no_feature(cases):
    file = cases / "small" / "pandas_index.csv"
    dataset = load(f"csv:{file}", Loading())
    assert dataset.columns == ("length", "width", "depth", "mass")
    assert dataset.spec.shape == (4,)
    assert dataset.notes == (
        "column 1 of pandas_index.csv has no name and is left out",
    )
    assert account(dataset).found == lines_of(file)


def test_a_label_that_training_lacks_is_refused(cases):
    folder = cases / "untrained_classes" / "split_case"
    with pytest.raises(UserError) as caught:
        load(f"csv:{folder}", Loading())
    assert str(caught.value) == (
        f"{folder}/test.csv has label 'Red', which training lacks (did you "
        'mean "red"?): correct it, or train on examples of it.'
    )


def test_a_heading_of_numbers_is_a_heading(cases, tmp_path):
    lines = (cases / "table_columns" / "plain.csv").read_text().splitlines()
    lines[0] = "0,1,2,3,label"
    (tmp_path / "a.csv").write_text("\n".join(lines))
    dataset = load(f"csv:{tmp_path}/a.csv", Loading())
    assert dataset.columns == ("0", "1", "2", "3")
    assert account(dataset).found == len(lines) - 1


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_counts_the_rows_is_told_of(written, first):
    rows = [f"{n + first},{n * n},{7},{'xy'[n % 2]}" for n in (2, 0, 1, 3)]
    dataset = written("\n".join(["id,a,b,label", *rows]))
    assert dataset.notes == (
        "column 'id' counts the rows: leave it out if it is no feature",
        "columns with one value in all rows: 'b'",
    )
    assert dataset.columns == ("id", "a", "b")


def test_groups_are_no_feature(written):
    text = "a,owner,label\n1,ann,x\n2,bob,y\n3, ann ,y\n"
    dataset = written(text, group_column="owner")
    train = dataset.splits["train"]
    assert dataset.columns == ("a",)
    assert train.groups.dtype == np.uint64
    assert train.groups[0] == train.groups[2] != train.groups[1]
    assert written("a,label\n1,x\n").splits["train"].groups is None
    with pytest.raises(UserError, match="line 3: empty 'owner'"):
        written("a,owner,label\n1,ann,x\n2,,y\n", group_column="owner")
    with pytest.raises(UserError, match="'boss': choose by --group_column"):
        written(text, group_column="boss")


def test_no_group_is_in_two_splits(tmp_path):
    random = np.random.default_rng(1)
    owners = random.integers(0, 40, 400)
    lines = [
        f"{value},{owner},{'xy'[owner % 2]}"
        for value, owner in zip(random.random(400), owners, strict=True)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["a,owner,label", *lines]))
    splits = load(f"csv:{tmp_path}/a.csv", Loading(group_column="owner")).splits
    parts = [set(owners[part.indices]) for part in splits.values()]
    assert all(parts) and not set.intersection(*parts)


def test_splits_that_share_a_group(split, tmp_path):
    train = "a,owner,label\n1,ann,x\n2,bob,y\n"
    test = "a,owner,label\n3,eve,x\n4,bob,y\n"
    split(train=train, test=test, group_column="owner")
    with pytest.raises(UserError, match=r"as .*test.csv, line 3: put each"):
        load(f"csv:{tmp_path}", Loading(group_column="owner"))


def test_patterns_of_file_names_are_not_for_tables(written):
    with pytest.raises(UserError, match="group_pattern=a is not for --datas"):
        written("a,label\n1,x\n", group_pattern="a")


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty, expected text"),
        ("\n", "has no column 'label': choose by --label_column one of none"),
        ("a,Label\n1,2\n", r"no column 'label' \(did you mean \"Label\"\?\)"),
        ("label\n1\n", "must have a column of numbers beside 'label'"),
        (",label\n1,2\n", "must have a column of numbers beside 'label'"),
        ("a,label\n", "has no rows: add some"),
        ("a,label\n1,2\n1\n", "line 3: expected 2 cells .* got 1"),
        ("a,label\n1,2\n1,2,3\n", "line 3: expected 2 cells .* got 3"),
        ("a,b,label\n1,2,x\n3,four,y\n", "line 3, column 'b': .* got 'four'"),
        ("a,label\n\n1,2\n,3\n", "line 4, column 'a': .* got ''"),
        ("a,label\n1,2\nnan,3\n", "line 3, column 'a': .* got 'nan'"),
        ("a,label\n1,2\n1e99,3\n", "line 3, column 'a': .* got '1e99'"),
        ("a,label\n1,2\n2,\n", "line 3: empty 'label'"),
        ("a,a,label\n1,2,3\n", "2 columns 'a', number 1 and 2: rename"),
        ("a,label,label\n1,2,3\n", "2 columns 'label', number 2 and 3: ren"),
    ],
)
def test_what_cannot_be_used(written, text, message):
    with pytest.raises(UserError, match=message) as caught:
        written(text)
    assert "\n" not in str(caught.value)


def test_numbers_need_labels(written):
    with pytest.raises(UserError, match="labels, but --label_column is empty"):
        written(",a\n0,1\n", label_column="")


def test_files_that_cannot_be_used(tmp_path):
    with pytest.raises(UserError, match=r"No CSV file .*none.csv"):
        table(Loading(), str(tmp_path / "none.csv"))
    with pytest.raises(UserError, match=r"No CSV file .*train.csv"):
        table(Loading(), str(tmp_path))
    (tmp_path / "latin.csv").write_bytes("é,label\n".encode("latin-1"))
    with pytest.raises(UserError, match="expected text in UTF-8, got byte 0x"):
        table(Loading(), str(tmp_path / "latin.csv"))


def test_files_of_no_split_are_told_of(split, tmp_path):
    (tmp_path / "more.csv").write_text("a,label\n1,x\n")
    dataset = split(train="a,label\n1,x\n2,y\n")
    assert dataset.notes == (
        "1 file is not read, being named after no split (more.csv)",
    )


def test_the_same_table_as_parquet(cases, tmp_path):
    file = cases / "label_text" / "zeros.csv"
    names, *rows = [line.split(",") for line in file.read_text().splitlines()]
    columns = {
        name: values if name == "label" else [float(v) for v in values]
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    one, other = (
        load(spec, Loading())
        for spec in (f"csv:{file}", f"parquet:{tmp_path}/a.parquet")
    )
    assert one.columns == other.columns
    assert one.label_names == other.label_names
    for split in one.splits:
        expected = inputs(one.splits[split])
        assert (inputs(other.splits[split]) == expected).all()
    assert json.dumps(account(one).as_dict()) == json.dumps(
        account(other).as_dict()
    )
