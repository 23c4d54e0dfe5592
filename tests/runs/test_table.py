"""Columns and order of the table of runs."""

import math
import pathlib

import pytest

from keras_ptft.errors import UserError
from keras_ptft.runs.reading import Run
from keras_ptft.runs.table import columns, differing, in_order, printable

FIXED = ["run", "stage", "state", "parent", "dataset"]
LAST = ["trained_parameters", "seconds", "ended"]


def run(name, settings=None, **numbers):
    return Run(
        name, pathlib.Path(name), "complete", settings or {}, "", numbers
    )


def order(name, *runs):
    return "".join(found.name for found in in_order(runs, name))


def test_columns_are_those_that_a_run_has_something_in():
    assert [c.name for c in columns([])] == [*FIXED, *LAST]
    runs = [
        run("a", {"epochs": "1", "seed": "1"}, loss=1.0, accuracy=0.5),
        run("b", {"epochs": "2", "seed": "1"}, zeta=1.0, seconds=2.0),
    ]
    found = [c.name for c in columns(runs)]
    assert found == [*FIXED, "accuracy", "loss", "zeta", *LAST, "epochs"]


def test_settings_that_do_not_make_another_run_are_no_columns():
    given = {"name": "a", "runs_dir": "runs", "epochs": "1", "seed": "0"}
    other = {"name": "b", "runs_dir": "more", "epochs": "1", "seed": "1"}
    other |= {"dataset": "mnist", "init_from": "a"}
    assert differing([run("a", given), run("b", other)]) == ["seed"]
    # what a damaged run does not tell is no difference
    assert differing([run("a", given), run("b")]) == []


def test_cells():
    found = {
        column.name: column.cell(
            run(
                "a\nb",
                {"init_from": "", "dataset": "digits", "freeze": ""},
                accuracy=0.98754,
                trained_parameters=93322,
                seconds=4.25,
            )
        )
        for column in columns([run("a", accuracy=1.0), run("b")])
    }
    assert found == {
        "run": r"a\nb",
        "stage": "–",
        "state": "complete",
        "parent": "–",
        "dataset": "digits",
        "accuracy": "98.75",
        "trained_parameters": "93,322",
        "seconds": "4.2",
        "ended": "–",
    }


def test_the_best_comes_first():
    runs = (
        run("a", accuracy=0.5, loss=2.0),
        run("b"),
        run("c", accuracy=0.9, loss=math.nan),
        run("d", accuracy=math.nan, loss=1.0),
        run("e", accuracy=0.5, loss=math.inf),
    )
    assert order("accuracy", *runs) == "caedb"
    assert order("loss", *runs) == "daecb"
    assert order("mae", *reversed(runs)) == "abcde"


def test_names_and_sums_ascend():
    runs = (
        run("b", trained_parameters=10, seconds=9.5),
        run("a", trained_parameters=9, seconds=10.5),
    )
    assert order("run", *runs) == "ab"
    assert order("trained_parameters", *runs) == "ab"
    assert order("seconds", *runs) == "ba"
    assert order("state", *runs) == "ab"


def test_settings_ascend_as_what_they_are():
    runs = (
        run("a", {"learning_rate": "find", "optimizer": "sgd"}),
        run("b", {"learning_rate": "0.01", "optimizer": "adam"}),
        run("c", {"learning_rate": "1e-05", "optimizer": "lion"}),
        run("d"),
    )
    assert order("learning_rate", *runs) == "cbad"
    assert order("optimizer", *runs) == "bcad"
    assert order("epochs", *runs) == "abcd"


def test_an_unknown_column_names_the_nearest():
    with pytest.raises(UserError) as caught:
        order("acuracy", run("a", accuracy=1.0))
    assert str(caught.value) == (
        '--sort=acuracy is no column (did you mean "accuracy"?); there are: '
        "run, stage, state, parent, dataset, accuracy, trained_parameters, "
        "seconds, ended."
    )


@pytest.mark.parametrize(
    "text, shown",
    [
        ("数字 ½", "数字 ½"),
        ("a\x1b[31m", r"a\x1b[31m"),
        # bytes that are no UTF-8, as a file's name may hold them
        ("caf\udce9", r"caf\xe9"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown
