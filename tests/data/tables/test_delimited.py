"""CSV and TSV: separators, headings, quotes and blank rows."""

import tracemalloc

import pytest

from keras_ptft.data.tables.delimited import CsvTable, TsvTable
from keras_ptft.errors import UserError


@pytest.fixture
def opened(tmp_path):
    def open_(content, kind=CsvTable, heading=None):
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "a.csv").write_bytes(content)
        return kind(tmp_path / "a.csv", heading)

    return open_


def read(table):
    return [cells for _, cells in table.rows(table.columns)]


@pytest.mark.parametrize(
    ("sign", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")]
)
def test_other_separators_are_found_and_told(opened, sign, name):
    table = opened(f"a{sign}b{sign}label\n1,5{sign}2{sign}x, y\n")
    assert table.columns == ("a", "b", "label")
    assert read(table) == [("1,5", "2", "x, y")]
    assert table.notes == (f"columns separated by {name} (a.csv)",)


@pytest.mark.parametrize(
    "content",
    [
        # as many of each: a comma it is
        "a;a,b\n1;1,2\n",
        # the heading has no other, and rows have one or none
        'text,label\n"a; b",x\nc|d,y\n',
        "text,label\na;b;c,x\nd,y\n",
        # one column has no separator
        "text\na; b\n",
    ],
)
def test_commas_are_not_told(opened, content):
    table = opened(content)
    assert table.notes == ()
    assert table.columns == tuple(content.partition("\n")[0].split(","))


def test_a_ragged_file_keeps_its_separator(opened):
    table = opened("a;b;c\n1;2;3\n4;5\n")
    assert table.notes == ("columns separated by semicolons (a.csv)",)
    with pytest.raises(UserError, match=r"line 3: expected 3 cells .* got 2"):
        read(table)


def test_tsv_has_tabs_alone_and_quotes_are_characters(opened):
    table = opened('a\tb\n"x\ty;z"\n', TsvTable)
    assert read(table) == [('"x', 'y;z"')]


def test_quotes_marks_and_line_ends(opened):
    content = '\ufeff"a", b \r\n"1, ""2""\r\n3",x\r\n\r\n y ,"z"\r\n'
    table = opened(content)
    assert table.columns == ("a", "b")
    assert list(table.rows(["b", "a"])) == [
        (2, ("x", '1, "2"\r\n3')),
        (5, ("z", " y ")),
    ]
    assert table.blank == 1


def test_blank_rows_are_counted_in_each_reading(opened):
    content = "\na,b\n1,2\n\n , \n,,\n3,4\n\n"
    table = opened(content)
    for _ in range(2):
        assert read(table) == [("1", "2"), ("3", "4")]
        # of 8 lines one is the heading and two are rows
        assert table.blank == content.count("\n") - 1 - 2
    # in one column a cell may be empty
    table = opened('text\na\n""\n\n')
    assert read(table) == [("a",), ("",)]
    assert table.blank == 1


def test_columns_without_a_name_are_left_out_and_told(opened):
    table = opened(",a,Unnamed: 2,b,\n0,1,2,3,\n")
    assert table.columns == ("a", "b")
    assert read(table) == [("1", "3")]
    assert table.notes == (
        "column 1 of a.csv has no name and is left out",
        "column 3 of a.csv (Unnamed: 2) has no name and is left out",
        "column 5 of a.csv has no name and is left out",
    )


def test_a_name_that_stands_there_twice(opened):
    table = opened("a,b,a\n1,2,3\n")
    assert table.columns == ("a", "b", "a")
    assert list(table.rows(["b"])) == [(2, ("2",))]
    with pytest.raises(UserError, match="2 columns 'a', number 1 and 3: rena"):
        table.rows(["a"])


def test_a_file_without_a_heading_is_read_in_the_order_of_training(opened):
    table = opened("1.5,2\n3,4\n", heading=("w", "h"))
    assert table.columns == ("w", "h")
    assert list(table.rows(["h", "w"])) == [(1, ("2", "1.5")), (2, ("4", "3"))]
    assert table.notes == (
        "a.csv has no heading: its columns are taken in the order of training",
    )


@pytest.mark.parametrize(
    ("content", "heading", "columns"),
    [
        # the heading of training, in another order and with more
        ("h,id,w\n1,2,3\n", "w h", ("h", "id", "w")),
        # training's heading is made of numbers
        ("1,0\n5,6\n", "0 1", ("1", "0")),
        # one name is another: no row, so that it is refused as missing
        ("0,1,3\n5,6,7\n", "0 1 2", ("0", "1", "3")),
        # names differ and so does their count
        ("1,2,3\n", "w h", ("1", "2", "3")),
        ("a,2\n", "w h", ("a", "2")),
    ],
)
def test_a_heading_is_never_a_row(opened, content, heading, columns):
    table = opened(content, heading=heading.split())
    assert table.columns == columns
    assert len(read(table)) == content.count("\n") - 1


def test_rows_that_hold_names_which_are_numbers(opened):
    # pixels: names are different, so 0,0,1 is none
    table = opened("0,0,1\n2,0,1\n", heading=("0", "1", "2"))
    assert read(table) == [("0", "0", "1"), ("2", "0", "1")]


def test_without_training_the_first_line_is_the_heading(opened):
    table = opened("0,1,2,3,label\n1,2,3,4,x\n")
    assert table.columns == ("0", "1", "2", "3", "label")
    assert opened("1,2\n3,4\n").columns == ("1", "2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n1\n", "line 3: expected 2 cells as in the first line, got"),
        ('a,b\n1,2\n"3,4\n\n5,6\n', "line 3: a quote that is never closed"),
        ('a,b\n"1" 2,3\n', "line 2: ',' expected after '\"': correct it"),
        (b"a,b\n1,\xff\n", "line 2: expected text in UTF-8, got byte 0xff"),
        (b"a,b\n1,\0\n", "line 2: expected text in UTF-8, got NUL"),
        ("a,b\r1,2\r", "line 1: a carriage return alone, expected line feed"),
        ("", "is empty, expected text"),
    ],
)
def test_what_cannot_be_read(opened, content, message):
    with pytest.raises(UserError, match=message) as caught:
        read(opened(content))
    assert "\n" not in str(caught.value)


def test_a_file_of_blank_lines_has_no_columns(opened):
    table = opened("\n\n")
    with pytest.raises(UserError, match="one of none, it is empty"):
        table.find("label", "--label_column")


def test_long_cells(opened):
    long = "漢" * 200_000
    table = opened(f'a,b\n"{long}\n{long}",1\n')
    assert read(table) == [(f"{long}\n{long}", "1")]


def test_memory_stays_flat(opened):
    table = opened("a,b\n" + "1,2\n" * 50_000)
    tracemalloc.start()
    count = sum(1 for _ in table.rows(["a"]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 50_000
    assert peak < 1_000_000
