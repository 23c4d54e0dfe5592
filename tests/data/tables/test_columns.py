"""Columns are found by name, and what is left out is said."""

import pytest

from keras_ptft.data.tables.columns import check_columns, other_columns
from keras_ptft.data.tables.table import open_table
from keras_ptft.errors import UserError


@pytest.fixture
def heading(tmp_path):
    def open_(names):
        (tmp_path / "new.csv").write_text(f"{names}\n")
        return open_table(tmp_path / "new.csv")

    return open_


def test_the_others(heading):
    table = heading("a,label,,b")
    assert other_columns(table, ["label"]) == ("a", "b")
    with pytest.raises(UserError, match="2 columns 'a', number 1 and 3"):
        other_columns(heading("a,b,a"), ["b"])
    assert other_columns(heading("a,b,a"), ["a"]) == ("b",)


def test_the_same_columns_need_no_note(heading):
    table = heading("a,label,b")
    assert check_columns(table, ["a", "b"], ["label"]) == ()


def test_more_columns_in_another_order(heading):
    notes = check_columns(heading("c,b,label,a,d"), ["a", "b"], ["label"])
    assert notes == (
        "columns of new.csv that training lacks are left out: 'c', 'd'",
        "columns of new.csv stand in another order than in training and are "
        "taken by name",
    )


def test_a_missing_column(heading):
    table = heading("a,Width,label")
    with pytest.raises(UserError) as caught:
        check_columns(table, ["a", "width"], ["label"])
    assert str(caught.value) == (
        f"{table.path} has no column 'width' (did you mean \"Width\"?), which "
        "training has: add or rename it."
    )
    with pytest.raises(UserError, match="2 columns 'a', number 1 and 2"):
        check_columns(heading("a,a"), ["a"])


def test_new_rows_in_another_order(cases):
    folder = cases / "table_columns"
    trained = other_columns(open_table(folder / "plain.csv"), ["label"])
    tables = [
        open_table(folder / f"new_{name}.csv", heading=trained)
        for name in ("plain", "reordered")
    ]
    plain, reordered = (list(table.rows(trained)) for table in tables)
    assert len(plain) == 60
    assert plain == reordered
    assert check_columns(tables[0], trained) == ()
    assert len(check_columns(tables[1], trained)) == 1
