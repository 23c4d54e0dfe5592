"""JSON Lines: keys as columns, and what is no object."""

import json

import pytest

from keras_ptft.data.tables.json_lines import JsonLinesTable
from keras_ptft.errors import UserError


@pytest.fixture
def opened(tmp_path):
    def open_(*lines):
        texts = (x if isinstance(x, str) else json.dumps(x) for x in lines)
        (tmp_path / "a.jsonl").write_text("\n".join(texts))
        return JsonLinesTable(tmp_path / "a.jsonl")

    return open_


def test_values_keep_their_kind(opened):
    row = {"a": 1, "b": True, "c": None, "d": "x", "e": [1.5]}
    table = opened("", row, "  ", row)
    cells = (1, True, None, "x", [1.5])
    assert list(table.rows("abcde")) == [(2, cells), (4, cells)]
    assert table.blank == 2


def test_later_objects_need_what_is_asked_for_alone(opened):
    table = opened({"a": 1, "b": 2}, {"c": 3, "a": 4})
    assert list(table.rows("a")) == [(1, (1,)), (2, (4,))]
    with pytest.raises(UserError, match="line 2: no key 'b', which the first"):
        list(table.rows("ab"))
    with pytest.raises(UserError, match="no column 'c': it has a, b"):
        table.rows("c")


def test_a_key_without_a_name(opened):
    table = opened({"": 0, "a": 1})
    assert table.columns == ("a",)
    assert table.notes == ("column 1 of a.jsonl has no name and is left out",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('["a"]', 'line 2: expected a JSON object, got .*"a"'),
        ('{"a": 1', "line 2: expected a JSON object, got Expecting"),
        ("[" * 100_000, "line 2: expected a JSON object, got"),
        ("1" * 100, r"got 1{60}\.\.\.: write one a line"),
    ],
)
def test_what_is_no_object(opened, line, message):
    table = opened({"a": 1}, line)
    with pytest.raises(UserError, match=message) as caught:
        list(table.rows("a"))
    assert "\n" not in str(caught.value)
