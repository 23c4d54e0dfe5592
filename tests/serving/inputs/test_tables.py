import json

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.inputs.arrays import input_batches
from keras_ptft.serving.inputs.options import InputOptions

VECTOR = tf.TensorSpec((3,), tf.float32, "vector")
COLUMNS = ("width", "height", "depth")
ROWS = [[1, 2, 3], [4, 5, 6]]


@pytest.fixture(autouse=True)
def told(caplog):
    return caplog


def read(path, columns=COLUMNS, spec=VECTOR, **settings):
    options = InputOptions(columns=columns)
    batches = list(input_batches([path], spec, options, **settings))
    names, arrays = zip(*batches, strict=True)
    return [n for some in names for n in some], np.concatenate(arrays)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def as_json(path):
    rows = [dict(zip(COLUMNS, row, strict=True), label=1) for row in ROWS]
    write(path, "".join(f"{json.dumps(row)}\n" for row in rows))


def as_parquet(path):
    table = pytest.importorskip("pyarrow").table(
        {"label": ["x", "y"], "depth": [3, 6], "height": [2.0, 5.0]}
        | {"width": [1, 4]}
    )
    pytest.importorskip("pyarrow.parquet").write_table(table, path)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.csv", "depth,label,width,height\n3,x,1,2\n6,y,4,5\n"),
        ("a.CSV", "label;depth;width;height\nx;3;1;2\ny;6;4;5\n"),
        ("a.tsv", "depth\twidth\theight\tlabel\n3\t1\t2\tx\n6\t4\t5\ty\n"),
        ("a.jsonl", as_json),
        ("a.parquet", as_parquet),
    ],
)
def test_columns_are_found_by_their_names(tmp_path, told, name, make):
    path = tmp_path / name
    write(path, make) if isinstance(make, str) else make(path)
    names, found = read(path)
    assert names == [f"{path}[0]", f"{path}[1]"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, ROWS)
    left = f"columns of {name} that training lacks are left out: 'label'."
    assert left in told.messages


def test_names_that_are_numbers_are_a_heading(tmp_path, told):
    path = write(tmp_path / "a.csv", "30,10,20\n3,1,2\n6,4,5\n")
    assert read(path, ("10", "20", "30"))[1].tolist() == ROWS
    assert told.messages == [
        "columns of a.csv stand in another order than in training and are "
        "taken by name."
    ]


def test_without_a_heading_columns_are_in_the_order_of_training(tmp_path, told):
    path = write(tmp_path / "a.csv", "1,2,3\n4,5,6\n")
    names, found = read(path)
    assert found.tolist() == ROWS
    assert names == [f"{path}[0]", f"{path}[1]"]
    (line,) = told.messages
    assert line == (
        "a.csv has no heading: its columns are taken in the order of training."
    )


def test_a_model_without_known_columns_takes_them_in_order(tmp_path, told):
    for head in ("", "a,b,c\n", "\ufeffwidth,height,depth\n"):
        path = write(tmp_path / "a.csv", f'{head}1,2,3\n\n"4",5e0, 6\n')
        assert read(path, ())[1].tolist() == ROWS
        assert told.messages[-1] == f"{path}: left out: 1 without content."


def test_batches_are_small(tmp_path):
    lines = "".join(f"{n},{n + 1},{n + 2}\n" for n in range(10))
    path = write(tmp_path / "a.csv", f"width,height,depth\n{lines}")
    options = InputOptions(columns=COLUMNS)
    batches = list(input_batches([path], VECTOR, options, batch_size=4))
    assert [len(names) for names, _ in batches] == [4, 4, 2]
    assert batches[1][0][0] == f"{path}[4]"
    assert batches[2][1].tolist() == [[8, 9, 10], [9, 10, 11]]


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        (
            "width,hight,depth\n1,2,3\n",
            COLUMNS,
            r'no column \'height\' \(did you mean "hight"\?\), which training',
        ),
        ("width,height,depth\n", COLUMNS, "at least 1 example"),
        ("width,height,depth\n1,2,red\n", COLUMNS, "line 2, column 'depth'"),
        ("width,height,depth\n1,2,nan\n", COLUMNS, "finite number, got 'nan'"),
        ("width,depth,height,width\n", COLUMNS, "2 columns 'width', number 1"),
        ("1,2\n3,4\n", COLUMNS, "no column 'width', which training"),
        ("1,2\n3,4\n", (), "line 1: expected 3 numbers, or names .* got '1'"),
        ("1,2,red\n4,5,6\n", (), "line 1: expected 3 numbers, or names"),
        ("a,b\n1,2\n", (), r"3 columns .* shape \(3,\), got 2: a, b\."),
        ("a,b,c,label\n1,2,3,x\n", (), "got 4: a, b, c, label"),
        ("1,2,3\n4,5,red\n", (), "line 2, column '#3': expected a finite"),
        ("a,b,c\n1,2,3\n", ("a", "b"), "takes 3 numbers, .* names 2 columns"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(tmp_path, text, columns, message):
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(UserError, match=message) as error:
        read(path, columns)
    assert "\n" not in str(error.value)


def test_whole_numbers_are_taken_as_the_model_takes_them(tmp_path):
    spec = tf.TensorSpec((3,), tf.uint8, "vector")
    path = write(tmp_path / "a.csv", "1,2,3\n4,5,255\n")
    found = read(path, (), spec)[1]
    assert (found.dtype, found.tolist()) == (np.uint8, [[1, 2, 3], [4, 5, 255]])
    path = write(tmp_path / "b.csv", "1,2,3\n4,5,256\n")
    with pytest.raises(UserError, match="got float32 from 1 to 256"):
        read(path, (), spec)
