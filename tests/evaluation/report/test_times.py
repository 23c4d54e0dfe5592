"""Where a page says that the time went."""

import re

import pytest

from keras_ptft.evaluation.report.report import Course
from keras_ptft.evaluation.report.times import Part, time_parts
from tests.evaluation.report.pages import HISTORY, report, words

SECONDS = {"data": 1.0, "train": 8.0, "evaluate": 0.5, "scratch": 0.5}
STEPS = {"trace": 1.5, "steps": 4.0, "waited": 1.0}


def test_training_is_told_by_what_it_did():
    assert time_parts(SECONDS, STEPS) == [
        Part("reading and checking the data", 1.0, 0.1, color=1),
        Part("training", 8.0, 0.8),
        Part("tracing", 1.5, 0.15, True, 2),
        Part("steps", 3.0, 0.3, True, 3),
        Part("steps that waited for data", 1.0, 0.1, True, 4),
        Part("validation, checkpoints and the rest", 2.5, 0.25, True, 5),
        Part("evaluation", 0.5, 0.05, color=6),
        Part("the same from scratch", 0.5, 0.05, color=7),
    ]


def test_what_is_drawn_makes_the_whole():
    parts = time_parts(SECONDS, STEPS)
    drawn = sum(part.share for part in parts if part.color)
    assert drawn == pytest.approx(1.0)
    assert sum(p.share for p in parts if not p.within) == pytest.approx(1.0)


def test_a_probe_has_no_steps():
    parts = time_parts({"train": 2.0}, {})
    assert parts == [Part("training", 2.0, 1.0, color=1)]


def test_clocks_that_overlap_leave_nothing_below_zero():
    parts = time_parts({"train": 2.0}, {"steps": 2.1, "waited": 3.0})
    assert [(part.name, part.seconds) for part in parts] == [
        ("training", 2.0),
        ("steps that waited for data", 2.1),
    ]


def test_a_run_without_seconds_has_no_parts():
    assert time_parts({}, {}) == time_parts({"data": 0.0}, STEPS) == []


def test_a_page_tells_the_total_first(tmp_path):
    path = tmp_path / "report.html"
    course = Course(HISTORY, None, SECONDS, STEPS)
    page = report(path, ["a", "b"], course=course)
    text = words(page)
    assert (
        "Where the time went 10.0 seconds part seconds share reading and "
        "checking the data 1.0 10 % training 8.0 80 % tracing 1.5 15 % steps "
        "3.0 30 % steps that waited for data 1.0 10 % validation" in text
    )
    assert "An export comes after this page, and is not counted." in text
    widths = re.findall(r"flex-grow: ([\d.]+); background", page)
    assert list(map(float, widths)) == [1, 1.5, 3, 1, 2.5, 0.5, 0.5]
    assert "Where the time went" not in report(path, ["a", "b"])


def test_seconds_before_an_interruption_are_not_claimed(tmp_path):
    course = Course(HISTORY, None, SECONDS, STEPS, resumed=True)
    text = words(report(tmp_path / "a.html", ["a", "b"], course=course))
    assert "10.0 seconds since the run was last resumed part" in text
