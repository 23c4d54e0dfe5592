import csv
import json
import os

import pytest

from keras_ptft.errors import UserError
from keras_ptft.serving.inference.results import (
    Estimate,
    Generated,
    LabelSet,
    Prediction,
)
from keras_ptft.serving.inference.writers import (
    WRITERS,
    check_outputs,
    written,
)

ROWS = [
    Prediction("a, b.png", "狗", 0.75),
    Prediction("x.npy[3]", "", 1 / 3),
    Prediction("\udcff.png", "cat", 1.0),
]
NAMES = ["csv", "jsonl", "parquet"]


def paths(folder):
    return {name: str(folder / f"found.{name}") for name in WRITERS}


def write(rows, outputs):
    # in two parts
    return list(written(iter([rows[:1], rows[1:]]), outputs))


def test_there_is_a_writer_for_every_setting():
    assert list(WRITERS) == NAMES


def test_every_format_holds_every_row(tmp_path):
    outputs = paths(tmp_path / "out")
    assert write(ROWS, outputs) == ROWS
    text = (tmp_path / "out/found.csv").read_text(encoding="utf-8")
    assert list(csv.reader(text.splitlines())) == [
        ["input", "label", "probability"],
        ["a, b.png", "狗", "0.750000"],
        ["x.npy[3]", "", "0.333333"],
        ["\\udcff.png", "cat", "1.000000"],
    ]
    text = (tmp_path / "out/found.jsonl").read_text(encoding="utf-8")
    assert text.splitlines()[0] == (
        '{"input": "a, b.png", "label": "狗", "probability": 0.75}'
    )
    assert list(map(json.loads, text.splitlines())) == [
        {"input": "a, b.png", "label": "狗", "probability": 0.75},
        {"input": "x.npy[3]", "label": "", "probability": 0.333333},
        {"input": "\udcff.png", "label": "cat", "probability": 1.0},
    ]
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(outputs["parquet"])
    assert list(map(str, table.schema.types)) == ["string", "string", "double"]
    assert table.to_pydict() == {
        "input": ["a, b.png", "x.npy[3]", "\\udcff.png"],
        "label": ["狗", "", "cat"],
        "probability": [0.75, 1 / 3, 1.0],
    }
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_parquet_comes_in_groups_of_rows(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    outputs = {"parquet": str(tmp_path / "a.parquet")}
    parts = ([Prediction("a", "b", 0.5)] * 1000 for _ in range(140))
    assert sum(1 for _ in written(parts, outputs)) == 140_000
    file = parquet.ParquetFile(tmp_path / "a.parquet")
    sizes = [
        file.metadata.row_group(index).num_rows
        for index in range(file.num_row_groups)
    ]
    assert sizes == [66_000, 66_000, 8_000]


@pytest.mark.parametrize(
    ("name", "rows", "expected"),
    [
        (
            "csv",
            ROWS[:2],
            'input,label,probability\n"a, b.png",狗,0.750000\n'
            "x.npy[3],,0.333333\n",
        ),
        ("csv", [Generated("ab", "abcd ")], "input,text\nab,abcd \n"),
        # a number that is near 0 keeps its digits
        (
            "csv",
            [Estimate("a", 1.5e-9), Estimate("b", -2e6), Estimate("c", 0.0)],
            "input,value\na,1.5e-09\nb,-2000000.000000\nc,0.000000\n",
        ),
        (
            "jsonl",
            [Estimate("a", 1.5e-9), Estimate("b", 0.12345678)],
            '{"input": "a", "value": 1.5e-09}\n'
            '{"input": "b", "value": 0.123457}\n',
        ),
        (
            "csv",
            [LabelSet("a", ("x", "y"), {"x": 0.75, "y": 0.5})],
            "input,labels,probability of x,probability of y\n"
            "a,x;y,0.750000,0.500000\n",
        ),
        (
            "jsonl",
            [Generated("ab", "ab\n")],
            '{"input": "ab", "text": "ab\\n"}\n',
        ),
    ],
)
def test_text_goes_to_the_terminal(capsys, name, rows, expected):
    assert list(written(iter([rows]), {name: "-"})) == rows
    assert capsys.readouterr().out == expected


def failing(error):
    yield ROWS[:2]
    raise error


@pytest.mark.parametrize(
    "error", [UserError("a.csv, line 3"), PermissionError(13, "no", "a.csv")]
)
def test_no_file_appears_after_an_error_of_an_input(tmp_path, error):
    (tmp_path / "found.csv").write_text("of before")
    with pytest.raises(type(error)) as raised:
        list(written(failing(error), paths(tmp_path)))
    assert raised.value is error
    assert [p.name for p in tmp_path.iterdir()] == ["found.csv"]
    assert (tmp_path / "found.csv").read_text() == "of before"


def test_no_file_appears_if_not_all_results_are_taken(tmp_path):
    rows = written(iter([ROWS, ROWS]), paths(tmp_path))
    assert [next(rows) for _ in range(4)] == [*ROWS, ROWS[0]]
    assert all(p.name.startswith(".partial-") for p in tmp_path.iterdir())
    rows.close()
    assert list(tmp_path.iterdir()) == []


def test_a_reader_who_leaves_is_no_error_of_a_file(tmp_path, monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", buffering=1) as stream:
        monkeypatch.setattr("sys.stdout", stream)
        outputs = {"csv": "-", "jsonl": str(tmp_path / "a.jsonl")}
        with pytest.raises(BrokenPipeError):
            list(written(iter([ROWS[:1]]), outputs))
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            stream.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_cannot_be_written_is_an_error(tmp_path, name):
    (tmp_path / "file").write_text("")
    outputs = {name: str(tmp_path / "file" / "found")}
    with pytest.raises(UserError, match=r"Cannot write .*found: "):
        list(written(iter([ROWS]), outputs))


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"csv": "a", "jsonl": "b/../a"}, "--csv=b/../a and --jsonl=b/../a m"),
        ({"csv": "-", "jsonl": "-"}, "must be two files, but they are one"),
        ({"parquet": "-"}, "--parquet=- would write to the terminal"),
        ({"csv": "there"}, "--csv=there must be .* folder or a device"),
        ({"jsonl": "file/a"}, "--jsonl=file/a must be .* is no folder"),
        ({"csv": "new.csv"}, "--csv=new.csv must be another file than the in"),
        ({"csv": "there/../new.csv"}, "is one of them: choose another"),
        ({"csv": "n" * 300}, "--csv=n+ must be .* name too long"),
    ],
)
def test_outputs_are_checked_first(tmp_path, monkeypatch, outputs, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "new.csv").write_text("1,2\n")
    with pytest.raises(UserError, match=message) as error:
        check_outputs(outputs, ["new.csv", "how do I\0?", "猫" * 100_000])
    assert "\n" not in str(error.value)
    check_outputs({"csv": "-", "jsonl": "new", "parquet": "b/c"}, ["new.csv"])
    assert not (tmp_path / "b").exists()
