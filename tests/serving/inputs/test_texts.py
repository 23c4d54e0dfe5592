import io
import sys

import pytest

from keras_ptft.errors import UserError
from keras_ptft.serving.inputs.texts import shortened, text_batches


def read(*inputs, **settings):
    batches = list(text_batches(inputs, **settings))
    return [
        pair
        for names, texts in batches
        for pair in zip(names, texts.tolist(), strict=True)
    ]


def test_a_text_is_itself():
    texts = ["how do I freeze my card", "", "冻结\n我的卡", "no/such/thing"]
    assert read(*texts) == [
        ("how do I freeze my card", b"how do I freeze my card"),
        ("", b""),
        ("冻结 我的卡", "冻结\n我的卡".encode()),
        ("no/such/thing", b"no/such/thing"),
    ]


def test_bytes_of_the_command_line_stay():
    assert read("a\udcff") == [("a\ufffd", b"a\xff")]


def test_a_hundred_thousand_characters_are_a_text():
    ((name, text),) = read("猫" * 100_000)
    assert len(name) == 60 and len(text) == 300_000


def test_each_line_of_a_file_is_a_text(tmp_path):
    file = tmp_path / "a.TXT"
    file.write_bytes("\ufeffone\r\n\n猫 two\n".encode())
    assert read(file) == [
        (f"{file}[0]", b"one"),
        (f"{file}[1]", b""),
        (f"{file}[2]", "猫 two".encode()),
    ]


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        ("csv", 'id,said\n1,"a, ""b"""\n2,猫\n'),
        ("tsv", 'said\tid\na, "b"\t1\n猫\t2\n'),
        ("jsonl", '{"said": "a, \\"b\\""}\n\n{"said": "猫", "id": 2}\n'),
    ],
)
def test_a_column_of_a_table_is_read(tmp_path, ending, content):
    file = tmp_path / f"a.{ending}"
    file.write_text(content, encoding="utf-8")
    assert read(file, text_column="said") == [
        (f"{file}[0]", b'a, "b"'),
        (f"{file}[1]", "猫".encode()),
    ]
    with pytest.raises(UserError, match=r"no column 'text'.* --text_column"):
        read(file)


def test_columns_of_training_make_one_text(tmp_path, caplog):
    file = tmp_path / "a.csv"
    file.write_text("body,id,title,label\nb,1,t,x\n", encoding="utf-8")
    trained = ("title", "body")
    assert read(file, trained_columns=trained) == [
        (f"{file}[0]", "t ␞ b".encode())
    ]
    assert caplog.messages == [
        "columns of a.csv that training lacks are left out: 'id', 'label'.",
        "columns of a.csv stand in another order than in training and are "
        "taken by name.",
    ]
    caplog.clear()
    chosen = {"trained_columns": trained, "text_column": "body, title"}
    assert read(file, **chosen)[0][1] == "b ␞ t".encode()
    assert caplog.messages == []
    with pytest.raises(UserError, match=r"mean \"title\"\?\): choose by --tex"):
        read(file, text_column="titel,body")


def test_a_parquet_file_holds_texts(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").table({"text": ["猫", "", None]})
    file = tmp_path / "a.parquet"
    parquet.write_table(table.slice(0, 2), file)
    assert read(file) == [(f"{file}[0]", "猫".encode()), (f"{file}[1]", b"")]
    parquet.write_table(table, file)
    with pytest.raises(UserError, match=r"row 3, column 'text'.* got null"):
        read(file)


def test_lines_come_from_the_standard_input(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(b"one\r\n\xff\xfe two"))
    monkeypatch.setattr(sys, "stdin", stream)
    found = read("-", "last")
    assert [text for _, text in found] == [b"one", b"\xff\xfe two", b"last"]
    assert found[1][0] == "\ufffd\ufffd two"


def test_batches_are_small(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("\n".join("abcde"))
    batches = list(text_batches([file, "x"], batch_size=2))
    assert [len(names) for names, _ in batches] == [2, 2, 1, 1]
    assert batches[2][0] == [f"{file}[4]"]


def test_a_name_fits_a_line():
    assert shortened(b"a\tb") == "a b"
    assert shortened(b"x" * 60) == "x" * 60
    assert shortened(b"x" * 61) == "x" * 57 + "..."


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.txt", None, "No such input: .*no.txt; check the path"),
        ("a.txt", b"", "is empty"),
        ("a.txt", b"one\n\xff\n", "a.txt, line 2: expected text in UTF-8"),
        ("a.txt", b"a\0b", "a.txt, line 1: .* NUL"),
        ("a.csv", b"text\n", "Expected a text in .*a.csv, got none"),
        ("a.jsonl", b"{", "line 1: expected a JSON object"),
        ("a.png", b"", r"Cannot read .*a\.png: expected a text itself"),
    ],
)
def test_bad_input_is_reported_on_one_line(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        read(tmp_path / name)
    assert "\n" not in str(error.value)


def test_folders_and_nothing_are_errors(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="expected a text itself"):
        read(tmp_path)
    with pytest.raises(UserError, match="Expected a text or a file"):
        read()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UserError, match="Expected a text in -, got none"):
        read("-")
