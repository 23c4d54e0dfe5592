"""Labels, groups and texts are the text of the file."""

import datetime
import decimal

import pytest

from keras_ptft.data.tables.labels import as_group, as_label, as_text
from keras_ptft.data.tables.table import open_table
from keras_ptft.errors import UserError


@pytest.fixture
def table(tmp_path):
    (tmp_path / "a.csv").write_text("label\n")
    return open_table(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("007", "007"),
        (" red ", "red"),
        (7, "7"),
        (-1, "-1"),
        (True, "True"),
        # as pandas writes numbers of a column with gaps
        (1.0, "1.0"),
        ("1.0", "1.0"),
    ],
)
def test_labels(table, cell, label):
    assert as_label(cell, table, 3, "kind") == label


@pytest.mark.parametrize("cell", [None, "", " ", float("nan")])
@pytest.mark.parametrize("read", [as_label, as_group])
def test_an_empty_cell(table, read, cell):
    with pytest.raises(UserError, match="line 3: empty 'kind': fill it in"):
        read(cell, table, 3, "kind")


@pytest.mark.parametrize(
    ("cell", "shown"),
    [(1.5, "1.5"), ([1], r"\[1\]"), (b"a", "b'a'"), (1e400, "Infinity")],
)
def test_what_is_no_label(table, cell, shown):
    with pytest.raises(
        UserError, match=f"line 3, column 'k': .* got .?{shown}"
    ):
        as_label(cell, table, 3, "k")


def test_groups_are_of_any_kind(table):
    day = datetime.date(2020, 1, 2)
    values = day, decimal.Decimal("1.50"), 1.5, " a "
    groups = [as_group(value, table, 1, "group") for value in values]
    assert groups == ["2020-01-02", "1.50", "1.5", "a"]


def test_texts_may_be_empty_and_nothing_else(table):
    assert as_text(" a ", table, 3, "say") == " a "
    assert as_text("", table, 3, "say") == ""
    with pytest.raises(UserError, match="'say': expected text, got null"):
        as_text(None, table, 3, "say")


@pytest.mark.parametrize("read", [as_label, as_group, as_text])
def test_half_a_surrogate_pair(table, read):
    with pytest.raises(UserError, match=r"line 3, column 'say': .* half of a"):
        read("\ud83d", table, 3, "say")
