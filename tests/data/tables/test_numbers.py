"""Cells as numbers, whatever the format."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keras_ptft.data.tables.numbers import to_numbers
from keras_ptft.data.tables.table import open_table
from keras_ptft.errors import UserError


def numbers_of(table):
    return to_numbers(table.rows(table.columns), table.columns, table)


def test_csv_in_batches(tmp_path):
    values = np.random.default_rng(0).normal(size=(3000, 3))
    lines = [",".join(map(repr, row)) for row in values.tolist()]
    (tmp_path / "a.csv").write_text("\n".join(["a,b,c", *lines]))
    found = numbers_of(open_table(tmp_path / "a.csv"))
    assert found.dtype == np.float32
    assert (found == values.astype(np.float32)).all()


def test_json_and_parquet(tmp_path):
    rows = [{"a": 1, "b": True}, {"a": -2.5, "b": False}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        found = numbers_of(open_table(tmp_path / name))
        assert found.tolist() == [[1, 1], [-2.5, 0]]


def test_no_rows(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n")
    assert numbers_of(open_table(tmp_path / "a.csv")).shape == (0, 2)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        ("four", "'four'"),
        ("", "''"),
        ("1,5", "'1,5'"),
        ("nan", "'nan'"),
        ("1e39", "'1e39'"),
        ("9" * 100, "'9{60}'\\.\\.\\.: correct it"),
        (1e39, "1e\\+39"),
        (10**400, "1000"),
        ([1], r"\[1\]"),
        ({"x": 1}, '{"x": 1}'),
    ],
)
def test_what_is_no_number(tmp_path, value, shown):
    rows = [{"a": 1, "b": 2}] * 1030 + [{"a": 1, "b": value}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    message = f"a.jsonl, line 1031, column 'b': expected a .* got {shown}"
    with pytest.raises(UserError, match=message) as caught:
        numbers_of(open_table(tmp_path / "a.jsonl"))
    assert "\n" not in str(caught.value)


def test_infinity_and_null_in_parquet(tmp_path):
    file = tmp_path / "a.parquet"
    for value, shown in ((float("inf"), "Infinity"), (None, "null")):
        pq.write_table(pa.table({"a": [1.0, value]}), file)
        with pytest.raises(UserError, match=f"row 2, column 'a': .* {shown}:"):
            numbers_of(open_table(file))
