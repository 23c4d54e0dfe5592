"""The table of operations is what TensorFlow's own libraries list."""

import os

import pytest
import tensorflow as tf

from keras_ptft.config import FIELDS
from keras_ptft.serving.verification import operations as tables
from keras_ptft.serving.verification.graph import ANY
from keras_ptft.serving.verification.operations import (
    is_older,
    operations,
    releases,
)
from tests.make_operations import in_a_process, table


def test_a_table_says_since_when(tmp_path, monkeypatch):
    found = [
        ("2.19", {"Add": ["T"], "Gone": []}),
        ("2.20", {"Add": ["T", "name"], "New": ["T"]}),
        ("2.21", {"Add": ["T", "axis", "name"], "New": ["T"]}),
    ]
    lines = list(table(found))
    assert lines == [
        "# 2.19 2.20 2.21",
        "Add T name@2.20 axis@2.21",
        "Gone",
        "New@2.20 T@2.20",
    ]
    (tmp_path / "table.txt").write_text("\n".join(lines))
    monkeypatch.setattr(tables, "TABLE", tmp_path / "table.txt")
    order, read = tables._table.__wrapped__()
    assert order == ("2.19", "2.20", "2.21")
    assert read["Gone"] == ("2.19", {})
    assert read["New"] == ("2.20", {"T": "2.20"})
    expected = {"T": "2.19", "name": "2.20", "axis": "2.21"}
    assert read["Add"] == ("2.19", expected)


def test_the_releases_to_choose_are_those_of_the_table():
    choices = FIELDS["serve_with"].metadata["choices"]
    assert choices == (*releases(), ANY)
    assert FIELDS["serve_with"].default == releases()[0] == "2.19"
    assert is_older("2.19", "2.21") and not is_older("2.20", "2.20")


@pytest.mark.slow
def test_the_table_has_what_this_tensorflow_has():
    release, found = in_a_process(os.path.dirname(tf.__file__))
    known = operations()
    assert len(found) > 1000
    for name, attributes in found.items():
        assert not is_older(release, known[name].since)
        for attribute in attributes:
            assert not is_older(release, known[name].attributes[attribute])
