"""Parquet: values, nulls, names and damaged files."""

import datetime
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keras_ptft.data.tables.parquet import ParquetTable
from keras_ptft.errors import UserError


@pytest.fixture
def opened(tmp_path):
    def open_(columns, **options):
        table = columns
        if isinstance(columns, dict):
            table = pa.table(columns)
        pq.write_table(table, tmp_path / "a.parquet", **options)
        return ParquetTable(tmp_path / "a.parquet")

    return open_


def test_values_are_those_of_python(opened):
    day = datetime.date(2020, 1, 2)
    table = opened(
        {
            "a": [1, None],
            "b": [1.5, float("inf")],
            "c": pa.array(["x", None]).dictionary_encode(),
            "d": [True, False],
            "e": [day, None],
        }
    )
    assert list(table.rows("abcde")) == [
        (1, (1, 1.5, "x", True, day)),
        (2, (None, float("inf"), None, False, None)),
    ]


def test_rows_are_numbered_through_groups_and_batches(opened):
    table = opened({"a": range(5000)}, row_group_size=1500)
    found = list(table.rows(["a"]))
    assert found == [(n + 1, (n,)) for n in range(5000)]


def test_names_with_dots_and_spaces_and_the_same_column_twice(opened):
    table = opened({"a": [1], "a.b": [2], " c ": [3]})
    assert table.columns == ("a", "a.b", "c")
    cells = (3, 2, 1, 2)
    assert list(table.rows(["c", "a.b", "a", "a.b"])) == [(1, cells)]


def test_the_index_of_pandas_is_left_out(opened):
    table = opened({"a": [1], "__index_level_0__": [7]})
    assert table.columns == ("a",)
    assert table.notes == (
        "column 2 of a.parquet (__index_level_0__) has no name and is left out",
    )


def test_a_name_that_stands_there_twice(opened):
    twice = pa.Table.from_arrays([pa.array([1])] * 2, names=["a", "a"])
    with pytest.raises(UserError, match="2 columns 'a', number 1 and 2: rena"):
        opened(twice).rows(["a"])


def test_images_are_refused(opened):
    picture = {"bytes": b"\x89PNG", "path": "a.png"}
    table = opened({"image": [picture], "label": [1]})
    assert list(table.rows(["label"])) == [(1, (1,))]
    with pytest.raises(UserError) as caught:
        table.rows(["image"])
    assert str(caught.value).endswith(
        "a.parquet, column 'image': expected text or numbers, got images in "
        "Parquet, which are not read: save them as files and use "
        "--dataset=folder:PATH."
    )


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n"])
def test_what_is_no_parquet_file(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    message = "a.parquet, expected a Parquet file: "
    with pytest.raises(UserError, match=message) as caught:
        ParquetTable(tmp_path / "a.parquet")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_damaged_inside(opened, tmp_path):
    opened({"a": [str(n) * 9 for n in range(2000)]})
    file = tmp_path / "a.parquet"
    content = bytearray(file.read_bytes())
    content[100:2000] = b"\xff" * 1900
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"a.parquet, expected a Parquet file"):
        list(ParquetTable(file).rows(["a"]))


def test_memory_stays_flat(opened):
    count = 300_000
    words = [f"text {n} of so many words" for n in range(count)]
    table = opened({"a": words}, row_group_size=count)
    # what the import takes is no part of it
    next(table.rows(["a"]))
    before, most = pa.total_allocated_bytes(), 0
    tracemalloc.start()
    for number, _ in table.rows(["a"]):
        if number % 1000 == 0:
            most = max(most, pa.total_allocated_bytes() - before)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert number == count
    # the texts alone take more than 7 MB
    assert peak < 1_000_000
    assert most < 4_000_000
