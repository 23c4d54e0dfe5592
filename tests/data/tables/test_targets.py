"""Numbers, truth values and sets of labels in the cells of tables."""

import pathlib

import pytest

from keras_ptft.data.tables.base import Table
from keras_ptft.data.tables.targets import as_flag, as_number, as_set
from keras_ptft.errors import UserError


class Rows(Table):
    """A table that has no rows to read."""

    def _cells(self, places):
        return iter(places[:0])


TABLE = Rows(pathlib.Path("a.csv"), ["y"])


def read(function, cell):
    return function(cell, TABLE, 7, "y")


def refused(function, cell):
    with pytest.raises(UserError) as caught:
        read(function, cell)
    told = str(caught.value)
    assert told.startswith("a.csv, line 7") and "'y'" in told
    return told


@pytest.mark.parametrize(
    ("cell", "number"),
    [("1.5", 1.5), (" -2e3 ", -2000.0), (3, 3.0), (0.1, 0.1)],
)
def test_numbers(cell, number):
    assert read(as_number, cell) == number


@pytest.mark.parametrize("cell", ["cheap", "nan", "inf", "1e99", [1.0], {}])
def test_what_is_no_number(cell):
    assert "expected a number to predict, got" in refused(as_number, cell)


def test_a_decimal_comma_has_a_remedy():
    assert "write decimal points, no commas" in refused(as_number, "1,5")


@pytest.mark.parametrize("cell", ["", "  ", None, float("nan")])
@pytest.mark.parametrize("function", [as_number, as_flag])
def test_a_missing_value(function, cell):
    assert "empty 'y': fill it in" in refused(function, cell)


@pytest.mark.parametrize(
    ("cell", "flag"),
    [
        *((cell, True) for cell in ("1", 1, True, "True", 1.0, "1.0", " 1 ")),
        *((cell, False) for cell in ("0", 0, False, "FALSE", 0.0, "0.0")),
    ],
)
def test_truth_values(cell, flag):
    assert read(as_flag, cell) is flag


@pytest.mark.parametrize("cell", ["2", -1, "yes", 0.5, "x", []])
def test_what_is_no_truth_value(cell):
    assert "expected 0 or 1, got" in refused(as_flag, cell)


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("b; a;b", ("b", "a")),
        ("a", ("a",)),
        ("", ()),
        (" ; ", ()),
        (["b", "a", "b"], ("b", "a")),
        ([1, 2.0, True], ("1", "2.0", "True")),
        ([], ()),
        ([" a;b "], ("a;b",)),
    ],
)
def test_sets(cell, labels):
    assert read(as_set, cell) == labels


@pytest.mark.parametrize("cell", [None, 3, "['a', 'b']", {"a": 1}])
def test_what_is_no_set(cell):
    assert "expected labels as a;b or as a list, got" in refused(as_set, cell)


@pytest.mark.parametrize("cell", [["a", ""], ["a", None], [0.5], [["a"]]])
def test_lists_of_what_is_no_label(cell):
    refused(as_set, cell)
