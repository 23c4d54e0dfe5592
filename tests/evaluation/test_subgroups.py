"""Groups of test examples and the gap between them, worked by hand."""

import math

import numpy as np
import pytest

from keras_ptft.evaluation.subgroups import (
    SMALL,
    Gap,
    gap_line,
    group_lines,
    groups_of,
    largest_gap,
)


def sizes(values, column="age"):
    found = groups_of(values, column)
    return {name: len(part) for name, part in found.members.items()}, found


def test_values_are_groups_the_largest_first():
    found, groups = sizes(["a"] * 20 + ["b"] * 30 + [""] * 25)
    assert list(found.items()) == [("b", 30), ("(empty)", 25), ("a", 20)]
    assert groups.members["b"].tolist() == list(range(20, 50))
    assert groups.notes == ()


def test_small_groups_are_told_together():
    found, groups = sizes(["b"] * 19 + ["a"] * 20 + ["c"])
    assert found == {"a": 20, SMALL: 20}
    assert groups.members[SMALL].tolist() == [*range(19), 39]
    assert groups.notes == (
        "groups of 'age' under 20 examples are told together: b, c",
    )


def test_many_numbers_are_quartiles():
    values = [str(n) for n in range(100)] + [""] * 30
    found, groups = sizes(values)
    # 24.75, 49.5 and 74.25 divide the numbers from 0 to 99
    assert found == {
        "up to 24.75": 25,
        "above 24.75 to 49.5": 25,
        "above 49.5 to 74.25": 25,
        "above 74.25": 25,
        "(empty)": 30,
    }
    assert groups.members["above 74.25"].tolist() == list(range(75, 100))
    assert groups.notes == ("'age' is told by quartiles of its numbers",)


@pytest.mark.parametrize(
    "values",
    [
        # 20 different numbers
        [str(n % 20) for n in range(400)],
        # 1 and 1.0 are one number
        [str(n % 20) for n in range(400)] + ["1.0"] * 20,
        [*map(str, range(100)), "unknown"],
        [*map(str, range(100)), "nan"],
    ],
)
def test_few_numbers_and_words_are_no_quartiles(values):
    assert not any("up to" in name for name in sizes(values)[0])


def scored(accuracy, low, high, loss=1.0):
    intervals = {"accuracy": [low, high]}
    return {
        "examples": 40,
        "accuracy": accuracy,
        "loss": loss,
        "intervals": intervals,
    }


GROUPS = {
    "old": scored(0.6, 0.5, 0.7),
    "young": scored(0.9, 0.86, 0.94),
    "middle": scored(0.8, 0.7, 0.9),
    SMALL: scored(0.1, 0.0, 0.3),
}


def test_the_largest_gap_and_its_interval_by_hand():
    found = largest_gap(GROUPS)
    assert found[:3] == ("accuracy", "young", "old")
    assert found.size == pytest.approx(0.3)
    # 0.3 -/+ √(0.04² + 0.1²)
    assert found.low == pytest.approx(0.3 - math.sqrt(0.0116))
    assert found.high == pytest.approx(0.3 + math.sqrt(0.0116))


def test_less_is_better_of_an_error():
    groups = {
        "a": {"mae": 2.0, "intervals": {"mae": [1.5, 2.6]}},
        "b": {"mae": 5.0, "intervals": {"mae": [4.0, 7.0]}},
    }
    found = largest_gap(groups)
    assert found[:4] == ("mae", "a", "b", 3.0)
    # from 4 - 2.6 and 7 - 1.5: 3 - √(0.6² + 1²) and 3 + √(0.5² + 2²)
    assert found.low == pytest.approx(3 - math.sqrt(1.36))
    assert found.high == pytest.approx(3 + math.sqrt(4.25))


def test_without_intervals_the_gap_has_none():
    groups = {name: {"f1_micro": n / 9} for n, name in enumerate("abc")}
    found = largest_gap(groups)
    assert found == ("f1_micro", "c", "a", 2 / 9, None, None)
    assert gap_line(found).endswith("between c and a.")


def test_fewer_than_two_groups_have_no_gap():
    assert largest_gap({"old": GROUPS["old"], SMALL: GROUPS[SMALL]}) is None


def test_the_interval_of_a_gap_covers_the_true_one():
    from keras_ptft.evaluation.intervals import mean_intervals

    random = np.random.default_rng(0)
    covered = []
    for _ in range(60):
        groups = {}
        for name, true in (("a", 0.9), ("b", 0.7)):
            right = (random.random(150) < true).astype(float)
            ends = mean_intervals({"accuracy": right})
            groups[name] = {"accuracy": right.mean(), "intervals": ends}
        found = largest_gap(groups)
        covered.append(found.low <= 0.2 <= found.high)
    # 3 standard deviations of 60 draws at 0.95
    assert np.mean(covered) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 60)


def test_the_table_for_the_terminal():
    gap = largest_gap(GROUPS)
    by = {
        "column": "age",
        "groups": dict.fromkeys(("old", "young", "middle"), GROUPS["old"]),
        "largest_gap": Gap(*gap)._asdict(),
        "notes": ["small ones are told together"],
    }
    metrics = {**scored(0.75, 0.7, 0.8), "examples": 1234, "by": by}
    table, _, *told = group_lines(metrics)
    assert [line.split() for line in table.splitlines()] == [
        ["age", "examples", "accuracy", "%", "loss"],
        ["-" * 6, "-" * 8, "-" * 22, "-" * 6],
        *(
            [name, "40", "60.00", "(50.00", "to", "70.00)", "1.0000"]
            for name in ("old", "young", "middle")
        ),
        ["(all)", "1,234", "75.00", "(70.00", "to", "80.00)", "1.0000"],
    ]
    assert told == [
        "Largest gap: 30.00 points of accuracy between young and old (95 % "
        "interval 19.23 to 40.77).",
        "The interval does not count that these two are the farthest apart of "
        "3 groups.",
        "Note: small ones are told together.",
    ]
