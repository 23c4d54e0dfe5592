import csv
import json

import pytest
import tensorflow as tf

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.sources.tables import table
from keras_ptft.data.sources.text_tables import jsonl, tsv
from keras_ptft.errors import UserError

ROWS = {"csv": table, "tsv": tsv, "jsonl": jsonl}


def every(source):
    found = source.gather(tf.range(len(source), dtype=tf.int64)).numpy()
    return [text.decode() for text in found]


@pytest.fixture
def read(tmp_path):
    """The one train split of a file's content, or its error."""

    def read(ending, content, **columns):
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / f"a.{ending}").write_bytes(content)
        path = str(tmp_path / f"a.{ending}")
        return ROWS[ending](Loading(**columns), path)

    return read


def test_sib200_in_chinese(shared_data):
    path = shared_data / "sib200" / "zho_Hans"
    dataset = load(f"tsv:{path}", Loading(label_column="category"))
    sizes = {name: len(part) for name, part in dataset.splits.items()}
    assert sizes == {"train": 701, "validation": 99, "test": 204}
    assert dataset.label_names == (
        *("entertainment", "geography", "health", "politics"),
        *("science/technology", "sports", "travel"),
    )
    lines = (
        file.read_bytes().count(b"\n")
        for file in path.parent.glob(f"{path.name}_*.tsv")
    )
    assert account(dataset).found == sum(count - 1 for count in lines)
    train = dataset.splits["train"]
    text = every(train)[0]
    assert text == "土耳其三面环海：西面是爱琴海，北面是黑海，南面则是地中海。"
    assert train.labels[:2].tolist() == [1, 4]
    assert train.name_of(0) == f"{path}_train.tsv, line 2"


def test_csv_knows_quotes_and_tsv_does_not(read):
    content = '\ufefftext,label\r\n"a, ""b""\r\nc",x\r\n\r\n猫, y \r\n,x\r\n'
    dataset = read("csv", content, text_columns=("text",))
    train = dataset.splits["train"]
    assert every(train) == ['a, "b"\r\nc', "猫", ""]
    assert dataset.label_names == ("x", "y")
    assert train.labels.tolist() == [0, 1, 0]
    # the first row is two lines, and one is blank
    assert train.name_of(1).endswith("a.csv, line 5")
    assert [str(part) for part in dataset.left_out] == ["1 without content"]
    train = read("tsv", 'label\ttext\nx\t"a\nx\tb" c\n').splits["train"]
    assert every(train) == ['"a', 'b" c']


def test_labels_are_sorted_as_numbers_where_all_are(read):
    content = "".join(
        json.dumps({"label": label, "text": f"a {label}\u0000"}) + "\n"
        for label in (10, "9", 10, -1)
    )
    dataset = read("jsonl", content + "\n")
    assert dataset.label_names == ("-1", "9", "10")
    assert dataset.splits["train"].labels.tolist() == [2, 1, 2, 0]
    assert every(dataset.splits["train"])[0] == "a 10\0"
    dataset = read("tsv", "text\tlabel\na\t10\nb\t9\nc\tx\n")
    assert dataset.label_names == ("10", "9", "x")


def test_without_a_label_column_texts_are_unlabelled(tmp_path, read):
    words = [f"{number} mal" for number in range(40)]
    (tmp_path / "a.tsv").write_text("\n".join(["say", *words]))
    loading = Loading(text_columns=("say",), label_column="")
    dataset = load(f'tsv("{tmp_path}/a.tsv", test_fraction=0.5)', loading)
    assert dataset.label_names == ()
    texts = [t for part in dataset.splits.values() for t in every(part)]
    assert sorted(texts) == sorted(words)
    train = read("jsonl", '{"text": "a"}', label_column="").splits["train"]
    assert train.labels.tolist() == [0]


def test_long_cells_and_many_rows(read):
    long = "漢" * 100_000
    rows = "".join(f"{number}\t{number % 3}\n" for number in range(5000))
    train = read("tsv", f"text\tlabel\n{long}\t0\n{rows}").splits["train"]
    texts = every(train)
    assert texts[0] == long and texts[1:] == [str(n) for n in range(5000)]
    assert train.labels[1:].tolist() == [n % 3 for n in range(5000)]


def test_train_dev_and_test_in_a_folder(tmp_path):
    for number, name in enumerate(("train", "dev", "test")):
        line = {"text": name, "label": "ab"[number % 2]}
        more = {"text": "both", "label": "b"}
        content = "\n".join(map(json.dumps, (line, more)))
        (tmp_path / f"{name}.jsonl").write_text(content)
    dataset = jsonl(Loading(), str(tmp_path))
    texts = {name: every(part) for name, part in dataset.splits.items()}
    assert texts == {
        "train": ["train", "both"],
        "validation": ["dev", "both"],
        "test": ["test", "both"],
    }
    assert dataset.splits["validation"].labels.tolist() == [1, 1]
    (tmp_path / "dev.jsonl").write_text('{"text": "", "label": "c"}')
    with pytest.raises(UserError, match="label 'c', which training lacks"):
        jsonl(Loading(), str(tmp_path))


@pytest.mark.parametrize(
    ("ending", "content", "message"),
    [
        ("tsv", "", "a.tsv is empty, expected text"),
        ("tsv", "\n\n", "column 'text': .* one of none, it is empty"),
        ("jsonl", "\n\n", "column 'text': .* one of none, it is empty"),
        ("tsv", "text\tlabel\n", "has no rows: add some"),
        (
            "tsv",
            "Text\tlabel\na\tb\n",
            r"'text' \(did you mean \"Text\"\?\): c",
        ),
        ("csv", "text,l\na,b\n", "'label': choose by --label_column one of t"),
        ("tsv", "text\tlabel\na\n", "line 2: expected 2 cells .* got 1"),
        ("csv", "text,label\na,b\nc,d,e\n", "line 3: .* got 3"),
        ("tsv", "text\tlabel\na\t \n", "line 2: empty 'label'"),
        (
            "csv",
            'text,label\na,b\n"c,d\n',
            "line 3: a quote that is never closed",
        ),
        ("csv", 'text,label\n"a" b,c\n', "line 2: ',' expected after '\"'"),
        ("csv", b"text,label\na,\xff\n", "line 2: .* got byte 0xff"),
        ("tsv", b"text\tlabel\na\0\tb\n", "line 2: .* got NUL"),
        ("jsonl", '{"text": "a"}', "a.jsonl has no column 'label'"),
        ("jsonl", '{"text": 3, "label": 1}', "'text': expected text, got 3"),
        (
            "jsonl",
            '{"text": "", "label": 1.5}',
            "whole number as a label, got 1.5",
        ),
        ("jsonl", '{"text": "", "label": null}', "line 1: empty 'label'"),
        ("jsonl", '{"text": "", "label": ""}', "line 1: empty 'label'"),
        ("jsonl", '\n["a"]', 'line 2: expected a JSON object, got .*"a"'),
        ("jsonl", '{"text": "a"', "line 1: expected a JSON object, got Expec"),
        ("jsonl", "[" * 100_000, "line 1: expected a JSON object, got"),
        ("jsonl", '{"text": "\\ud83d", "label": 1}', "half of a surrogate"),
    ],
)
def test_what_cannot_be_used(read, ending, content, message):
    columns = {"text_columns": ("text",)} if ending == "csv" else {}
    with pytest.raises(UserError, match=message) as caught:
        read(ending, content, **columns)
    assert "\n" not in str(caught.value)


def test_one_class_is_too_few(tmp_path):
    (tmp_path / "a.tsv").write_text("text\tlabel\na\tx\nb\tx\n")
    with pytest.raises(UserError, match="two classes, got only 'x': add data"):
        load(f"tsv:{tmp_path}/a.tsv", Loading())


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match=r"No TSV file .*/none': give a file"):
        tsv(Loading(), str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"No TSV file .*/train.tsv': give"):
        tsv(Loading(), str(tmp_path))
    with pytest.raises(UserError, match=r"No JSONL file 'no/where'"):
        jsonl(Loading(), "no/where")


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_several_columns_make_one_text(read, ending):
    rows = [
        {"title": "one", "body": "a <b", "label": "x"},
        {"title": "", "body": "two", "label": "y"},
    ]
    sign = "," if ending == "csv" else "\t"
    lines = [sign.join(rows[0]), *(sign.join(row.values()) for row in rows)]
    if ending == "jsonl":
        lines = list(map(json.dumps, rows))
    columns = ("body", "title")
    dataset = read(ending, "\n".join(lines), text_columns=columns)
    assert dataset.columns == columns
    assert every(dataset.splits["train"]) == ["a < b ␞ one", "two ␞ "]


def test_one_text_column_is_named_too(read):
    assert read("tsv", "text\tlabel\na\tx\n").columns == ("text",)


def test_the_columns_of_a_trained_model(read):
    trained = DataInfo(label_names=("x",), columns=("b", "a"))
    dataset = read("tsv", "a\tb\tlabel\n1\t2\tx\n", trained=trained)
    assert every(dataset.splits["train"]) == ["2 ␞ 1"]
    assert dataset.columns == ("b", "a")


def test_groups(read):
    content = '{"text": "a", "by": 1}\n{"text": "b", "by": 2}\n'
    content += '{"text": "c", "by": 1}\n'
    dataset = read("jsonl", content, label_column="", group_column="by")
    groups = dataset.splits["train"].groups
    assert groups[0] == groups[2] != groups[1]
    with pytest.raises(UserError, match="'of': choose by --group_column one"):
        read("jsonl", content, label_column="", group_column="of")
    with pytest.raises(UserError, match="group_pattern=a is not for --datas"):
        read("jsonl", content, group_pattern="a")


def test_truth_values_and_zeros_are_labels(read):
    lines = ('{"text": "a", "label": true}', '{"text": "b", "label": "007"}')
    dataset = read("jsonl", "\n".join(lines))
    assert dataset.label_names == ("007", "True")


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_thirty_rare_classes_in_every_format(cases, read, ending):
    file = cases / "untrained_classes" / "rare.csv"
    rows = list(csv.DictReader(file.read_text().splitlines()))
    lines = ["text\tlabel", *("\t".join(row.values()) for row in rows)]
    if ending == "jsonl":
        lines = list(map(json.dumps, rows))
    content = file.read_text() if ending == "csv" else "\n".join(lines)
    dataset = read(ending, content, text_columns=("text",))
    labels = [dataset.label_names[n] for n in dataset.splits["train"].labels]
    assert labels == [row["label"] for row in rows]
    assert every(dataset.splits["train"]) == [row["text"] for row in rows]
    assert account(dataset).found == len(rows)
