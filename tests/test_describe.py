"""The tables as `keras-ptft describe` prints them."""

import dataclasses

import pytest

from keras_ptft import describe
from keras_ptft.config import FIELDS
from keras_ptft.errors import UserError
from keras_ptft.experiment.results import SCHEMA, RunResult
from keras_ptft.registry import settings, table_names

ROWS = [(s, n) for s, table in describe.TABLES.items() for n in table]


def test_tables_list_every_row_on_one_line():
    lines = describe.tables().splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == [name for _, name in ROWS]
    assert all(len(line.split()) > 1 for line in lines if line[:2] == "  ")


@pytest.mark.parametrize("setting, name", ROWS)
def test_row_shows_each_setting_with_its_default(setting, name):
    text = describe.row(name)
    assert f"--{setting}={name}\n" in f"{text}\n"
    assert "UserError" not in text
    for parameter in settings(describe.TABLES[setting][name]).values():
        head = f"\n  {parameter.name}"
        if parameter.default is not parameter.empty:
            head += f"={parameter.default!r}"
        assert head in text


def test_a_backbone_reads_well():
    text = describe.row("cnn")
    assert text.startswith("--backbone=cnn\n\nConvolutions with ReLU")
    assert "\n  kernel=3                  side of every kernel in" in text
    assert "  all, none, normalization, conv1_conv, conv1, pool1," in text
    assert "scaling" not in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_a_variant_tells_what_it_is_a_variant_of():
    assert "The same as mlp(hidden=(100, 50))." in describe.row("mlp_small")
    assert "  hidden=(100, 50)" in describe.row("mlp_small")


def test_a_name_in_two_tables_shows_both():
    text = describe.row("none")
    assert "--augment=none" in text
    assert "--normalization=none" in text


def test_the_fields_of_a_result_are_documented():
    lines = describe.row("result").splitlines()
    assert lines[0] == f"result.json, schema {SCHEMA}"
    names = [line.split()[0] for line in lines[1:]]
    assert set(names) == {f.name for f in dataclasses.fields(RunResult)}
    assert all(len(line.split()) > 1 for line in lines)


@pytest.mark.parametrize("setting", describe.TABLES)
def test_help_reads_the_same_names_without_importing_the_table(setting):
    table = FIELDS[setting].metadata["table"]
    assert table_names(table) == list(describe.TABLES[setting])


def test_a_table_can_be_asked_for():
    assert "  sgd  " in describe.row("optimizer")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UserError, match=r'"cnn_5x5".*there are: adam, '):
        describe.row("cnn5x5")
