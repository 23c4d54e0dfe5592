"""What is said of a search, and its table in a terminal."""

import dataclasses
import re

from keras_ptft.search.summary import sentences
from keras_ptft.search.tables import text_table
from tests.search.found import found, trial


def test_sentences():
    searched = found(notes=("Not tried: probe.",))
    assert sentences(searched, "keras-ptft compare a") == [
        "The best is trial 2: learning_rate=0.03 freeze=none; validation "
        "accuracy 75.00 %, with the recipe as it is 50.00 %.",
        "Test accuracy, read once, after the search: 70.00 %, with the recipe "
        "as it is 60.00 %.",
        "That is one seed each; this would prove it: keras-ptft compare a",
        "Of the trials, 1 failed and 1 were stopped early.",
        "Not tried: probe.",
    ]
    assert sentences(searched, "")[2] == (
        "That is one seed each: train both with other values of --seed to "
        "prove it."
    )


def test_a_search_that_found_nothing():
    assert sentences(found(trial(0, 0.5), trial(1, 0.25)), "") == [
        "No trial is better than the recipe as it is: validation accuracy "
        "50.00 %.",
        "Its test accuracy is 60.00 %.",
    ]


def test_the_table_of_a_terminal():
    lines = text_table(found()).splitlines()
    assert [re.split("  +", line.strip()) for line in lines] == [
        [
            "trial",
            "validation accuracy %",
            "loss",
            "settings",
            "seconds",
            "note",
        ],
        ["-----", "-" * 21, "-" * 6, "-" * 31, "-" * 7, "-" * 40],
        ["2", "75.00", "1.0000", "learning_rate=0.03 freeze=none", "2.0"],
        ["0", "50.00", "1.0000", "–", "2.0", "the recipe as it is"],
        ["1", "25.00", "1.0000", "learning_rate=0.0002 freeze=all", "2.0"],
        [
            "3",
            "40.00",
            "1.0000",
            "learning_rate=0.05 freeze=conv2",
            "2.0",
            "stopped",
        ],
        [
            "4",
            "–",
            "–",
            "learning_rate=0.1 freeze=none",
            "2.0",
            "failed: The loss is not finite at step 3",
        ],
    ]


def test_of_many_trials_the_best_are_in_a_terminal():
    many = found(*(trial(n, n / 100) for n in range(25)))
    lines = text_table(many).splitlines()
    assert len(lines) == 2 + 10 + 1
    assert [int(line.split()[0]) for line in lines[2:12]] == [
        *range(24, 14, -1)
    ]
    assert lines[-1] == "... and 15 more"


def test_a_metric_that_is_better_low():
    trials = [
        dataclasses.replace(trial(n), metrics={"mae": 2.0 + n, "loss": 1.0})
        for n in range(3)
    ]
    lines = text_table(found(*trials, metric="mae", best=0)).splitlines()
    assert lines[0].split()[:3] == ["trial", "validation", "MAE"]
    assert [line.split()[1] for line in lines[2:]] == [
        "2.0000",
        "3.0000",
        "4.0000",
    ]
