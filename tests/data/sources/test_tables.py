import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.sources.tables import table
from keras_ptft.errors import UserError


@pytest.fixture
def written(tmp_path):
    def write(text, **settings):
        (tmp_path / "a.csv").write_bytes(text.encode())
        return table(Loading(), str(tmp_path / "a.csv"), **settings)

    return write


def inputs(source):
    return source.gather(tf.range(len(source), dtype=tf.int64)).numpy()


def test_one_file_is_split_by_content(tmp_path):
    random = np.random.default_rng(0)
    numbers = random.random((100, 2)).round(3)
    lines = [f"{a},{'yn'[n % 2]},{b}" for n, (a, b) in enumerate(numbers)]
    file = tmp_path / "a b.csv"
    file.write_text("\n".join(["width,kind,height", *lines]))
    dataset = load(f"csv:{file}", Loading(label_column="kind"))
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert dataset.label_names == ("n", "y")
    assert dataset.spec == tf.TensorSpec((2,), tf.float32, "vector")
    assert len(train) + len(test) == 100 and 5 < len(test) < 40
    assert (inputs(train) == numbers.astype(np.float32)[train.indices]).all()
    assert (train.labels == 1 - train.indices % 2).all()


def test_two_files_are_train_and_test(tmp_path):
    (tmp_path / "train.csv").write_text("a,label\n1,10\n2,9\n")
    (tmp_path / "test.csv").write_text("a,label\n3,9\n4,-1\n")
    dataset = table(Loading(), str(tmp_path))
    assert dataset.label_names == ("-1", "9", "10")
    assert dataset.splits["train"].labels.tolist() == [2, 1]
    assert inputs(dataset.splits["test"]).tolist() == [[3], [4]]
    assert dataset.splits["test"].labels.tolist() == [1, 0]


def test_a_validation_file_may_stand_beside(tmp_path):
    (tmp_path / "x_train.csv").write_text("a,label\n1,10\n2,9\n")
    (tmp_path / "x_val.csv").write_text("a,label\n5,9\n")
    splits = table(Loading(), str(tmp_path / "x"), test_fraction=1e-9).splits
    assert inputs(splits["train"]).tolist() == [[1], [2]]
    assert inputs(splits["validation"]).tolist() == [[5]]
    assert splits["validation"].labels.tolist() == [0]
    assert not len(splits["test"])


def test_a_text_column_makes_it_text(tmp_path):
    (tmp_path / "a.csv").write_text("a,say,kind\n1,ja,y\n2,nein,n\n")
    loading = Loading(text_column="say", label_column="kind")
    dataset = table(loading, str(tmp_path / "a.csv"), test_fraction=1e-9)
    assert dataset.spec == tf.TensorSpec((), tf.string, "text")
    assert inputs(dataset.splits["train"]).tolist() == [b"ja", b"nein"]
    assert dataset.label_names == ("n", "y")


def test_spreadsheets_as_they_come(written):
    text = '\ufeff"a",label\r\n "1.5" ,x\r\n\r\n-2e3, y \r\n'
    # a seldom fraction keeps both rows on one side
    dataset = written(text.replace(' "1.5" ', '"1.5"'), test_fraction=1e-9)
    assert inputs(dataset.splits["train"]).tolist() == [[1.5], [-2000]]
    assert dataset.label_names == ("x", "y")


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "has no column 'label': choose by --label_column one of none"),
        ("a,Label\n1,2\n", r"no column 'label' \(did you mean \"Label\"\?\)"),
        ("label\n1\n", "needs a column of numbers beside 'label'"),
        ("a,label\n", "has no rows under its first line"),
        ("a,label\n1,2\n1\n", "line 3: expected 2 cells .* got 1"),
        ("a,label\n1,2\n1,2,3\n", "line 3: expected 2 cells .* got 3"),
        ("a,b,label\n1,2,x\n3,four,y\n", "line 3, column 'b': .* got 'four'"),
        ("a,label\n\n1,2\n,3\n", "line 4, column 'a': .* got ''"),
        ("a,label\n1,2\nnan,3\n", "line 3, column 'a': .* got 'nan'"),
        ("a,label\n1,2\n1e99,3\n", "line 3, column 'a': .* got '1e99'"),
        ("a,label\n1,2\n2,\n", "line 3: empty 'label'"),
        ("a,label\n1,2\n2,2\n", "two classes, got only '2' in column 'label'"),
    ],
)
def test_what_cannot_be_used(written, text, message):
    with pytest.raises(UserError, match=message) as caught:
        written(text)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_used(tmp_path):
    with pytest.raises(UserError, match=r"No CSV file .*none.csv"):
        table(Loading(), str(tmp_path / "none.csv"))
    (tmp_path / "train.csv").write_text("a,label\n1,10\n2,9\n")
    (tmp_path / "test.csv").write_text("b,label\n3,9\n")
    message = "test.csv must have the same columns as train.csv, a, got b"
    with pytest.raises(UserError, match=message):
        table(Loading(), str(tmp_path))
    (tmp_path / "train.csv").unlink()
    with pytest.raises(UserError, match=r"No CSV file .*train.csv"):
        table(Loading(), str(tmp_path))
    (tmp_path / "latin.csv").write_bytes("é,label\n".encode("latin-1"))
    with pytest.raises(UserError, match="must be CSV text in UTF-8"):
        table(Loading(), str(tmp_path / "latin.csv"))
