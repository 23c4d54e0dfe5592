"""Several files as one table."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keras_ptft.data.tables.shards import Shards
from keras_ptft.data.tables.table import open_table
from keras_ptft.errors import UserError


@pytest.fixture
def shards(tmp_path):
    def write(*parts):
        tables = []
        for number, columns in enumerate(parts):
            file = tmp_path / f"{number}.parquet"
            pq.write_table(pa.table(columns), file)
            tables.append(open_table(file))
        return Shards(tables)

    return write


def test_rows_follow_each_other(shards, tmp_path):
    empty = {"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}
    table = shards(
        {"a": [1, 2], "b": ["x", "y"]}, empty, {"b": ["z"], "a": [3]}
    )
    expected = [(1, ("x", 1)), (2, ("y", 2)), (3, ("z", 3))]
    for _ in range(2):
        assert list(table.rows(["b", "a"])) == expected
    places = [table.place(number) for number in (1, 2, 3)]
    assert places == [
        f"{tmp_path}/0.parquet, row 1",
        f"{tmp_path}/0.parquet, row 2",
        f"{tmp_path}/2.parquet, row 1",
    ]


def test_errors_name_the_file_while_it_is_read(shards):
    table = shards({"a": [1, 2]}, {"a": [3, None]})
    for number, (value,) in table.rows(["a"]):
        if value is None:
            assert table.place(number).endswith("1.parquet, row 2")
            break
    else:
        pytest.fail("no null")


def test_other_columns_are_refused(shards):
    with pytest.raises(UserError) as caught:
        shards({"a": [1], "b": [1]}, {"a": [1], "c": [1]})
    assert str(caught.value).endswith(
        "1.parquet must have the columns of 0.parquet, a, b, got a, c: make "
        "them alike."
    )


def test_images_are_refused(shards):
    picture = {"bytes": b"", "path": "a.png"}
    with pytest.raises(UserError, match="got images in Parquet"):
        shards({"image": [picture]}, {"image": [picture]}).rows(["image"])
