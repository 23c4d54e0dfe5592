"""The same table in all formats, opened by its name."""

import csv
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keras_ptft.data.tables.table import TABLES, open_table
from keras_ptft.errors import UserError

NAMES = ["say", "kind", "size"]
ROWS = [("ja, sehr", "y", "1.5"), ('ein "nein"', "n", "2"), ("猫", "y", "-3")]


def written(folder, suffix):
    file = folder / f"a b{suffix}"
    if suffix == ".parquet":
        columns = list(map(list, zip(*ROWS, strict=True)))
        pq.write_table(pa.table(dict(zip(NAMES, columns, strict=True))), file)
    elif suffix == ".jsonl":
        lines = (dict(zip(NAMES, row, strict=True)) for row in ROWS)
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    elif suffix == ".tsv":
        lines = ("\t".join(row) + "\n" for row in [NAMES, *ROWS])
        file.write_text("".join(lines))
    else:
        with file.open("w", newline="") as stream:
            csv.writer(stream).writerows([NAMES, *ROWS])
    return file


@pytest.mark.parametrize("suffix", TABLES)
def test_the_same_cells_in_every_format(tmp_path, suffix):
    table = open_table(written(tmp_path, suffix))
    assert table.columns == ("say", "kind", "size")
    assert table.notes == ()
    first = {".csv": 2, ".tsv": 2}.get(suffix, 1)
    expected = [
        (number, (size, say))
        for number, (say, _, size) in enumerate(ROWS, first)
    ]
    # twice: reading begins anew
    for _ in range(2):
        assert list(table.rows(["size", "say"])) == expected
    assert table.blank == 0
    unit = "row" if suffix == ".parquet" else "line"
    assert table.place(3) == f"{tmp_path}/a b{suffix}, {unit} 3"


@pytest.mark.parametrize("suffix", TABLES)
def test_a_missing_column_is_refused_with_the_nearest(tmp_path, suffix):
    table = open_table(written(tmp_path, suffix))
    with pytest.raises(UserError) as caught:
        table.rows(["Kind"])
    assert str(caught.value) == (
        f"{tmp_path}/a b{suffix} has no column 'Kind' (did you mean "
        '"kind"?): it has say, kind, size.'
    )
    with pytest.raises(UserError) as caught:
        table.find("group", "--group_column")
    assert str(caught.value) == (
        f"{tmp_path}/a b{suffix} has no column 'group': choose by "
        "--group_column one of say, kind, size."
    )


def test_the_kind_goes_before_the_name(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("a\tb\n1\t2\n")
    assert list(open_table(file, "tsv").rows(["b"])) == [(2, ("2",))]
    with pytest.raises(UserError, match=r"ending in \.csv, \.tsv, \.jsonl, "):
        open_table(file)


@pytest.mark.parametrize("suffix", TABLES)
def test_no_file(tmp_path, suffix):
    with pytest.raises(UserError, match=r"none") as caught:
        open_table(tmp_path / f"none{suffix}")
    assert "\n" not in str(caught.value)


def test_endings_are_of_any_case(tmp_path):
    file = written(tmp_path, ".parquet").rename(tmp_path / "A.PARQUET")
    assert open_table(str(file)).columns == tuple(NAMES)


def test_many_missing_names_are_not_all_listed(tmp_path):
    file = pathlib.Path(tmp_path, "wide.csv")
    file.write_text(",".join(f"c{n}" for n in range(100)) + "\n")
    with pytest.raises(UserError, match=r"c18, c19 and 80 more\.$"):
        open_table(file).find("label")
    file.write_text(f"{'word ' * 99},b\n")
    with pytest.raises(UserError, match=r"it has (word ){12}\.\.\., b\.$"):
        open_table(file).find("label")
