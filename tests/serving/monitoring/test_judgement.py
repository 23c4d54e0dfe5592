"""What is said of shifts, by hand."""

import numpy as np
import pytest

from keras_ptft.serving.monitoring.histograms import Histogram, NumberBins
from keras_ptft.serving.monitoring.judgement import (
    Shift,
    judge,
    sentences,
    verdict_of,
)
from keras_ptft.serving.monitoring.require import parse_requirement, unmet
from keras_ptft.serving.monitoring.statistics import Reference

BINS = NumberBins((0.5,))


def histogram(below, above, mean=0.5):
    return Histogram(BINS, np.array([below, above, 0]), mean)


def shift(below, above, *, name="a", of=500, mean=0.25):
    expected = histogram(of, of)
    return Shift(name, "test", expected, histogram(below, above, mean), 0.95)


def test_the_usual_limits():
    # (a - 1/2) ln(a / (1 - a)) of a share a
    found = {a: shift(a, 1000 - a) for a in (600, 700, 800)}
    indices = {a: s.index for a, s in found.items()}
    by_hand = {600: 0.0405, 700: 0.1695, 800: 0.4159}
    assert indices == pytest.approx(by_hand, abs=1e-4)
    told = {a: s.verdict for a, s in found.items()}
    assert told == {600: "stable", 700: "moved", 800: "moved a lot"}
    assert str(found[800]) == "a moved a lot: 0.42 (0.5 → 0.25 in the mean)"


def test_few_examples_are_undecided():
    # 3.84 (1/1000 + 1/10) by chance
    few = shift(7, 3)
    assert few.chance == pytest.approx(3.8415 * 0.101, rel=1e-4)
    assert few.verdict == "undecided"
    assert str(few).endswith(
        "in the mean): 10 examples are too few, about 40 would tell"
    )
    none = shift(7, 3, of=5)
    assert str(none).endswith("in the mean): test has too few examples to tell")


def test_the_quantities_share_the_risk():
    reference = Reference("train", histogram(500, 500), 0.0)
    names = list("abcdefghij")
    found = judge(
        dict.fromkeys(names, reference),
        {name: histogram(500 + 9 * n, 500) for n, name in enumerate(names)},
    )
    assert [shift.name for shift in found] == names[::-1]
    assert found[0].level == pytest.approx(0.995)


def test_sentences():
    shifts = [
        shift(800, 200, name="b"),
        shift(700, 300, name="c"),
        shift(600, 400, name="d"),
    ]
    assert verdict_of(shifts) == "moved a lot"
    told = sentences(shifts, 1000)
    assert [line.partition(":")[0] for line in told] == [
        "b moved a lot",
        "c moved",
        "stable, at most 0.04",
        "Moved",
    ]
    assert "1 moved a lot, 1 moved of 3 quantities in 1,000 ex" in told[-1]
    assert sentences([shift(7, 3)], 10)[-1].startswith("Undecided: 1 of 1")
    assert verdict_of(shifts[2:]) == "stable"
    many = sentences(shifts[2:] * 23, 1000)[0]
    assert many.endswith(", d and 3 more") and many.count(" d") == 20


def test_requirements():
    shifts = [shift(800, 200), shift(7, 3, name="few"), shift(600, 400)]
    largest = parse_requirement("psi <= 0.25")
    assert unmet([largest], shifts) == ["expected psi <= 0.25, found 0.416 (a)"]
    # which may be chance
    assert unmet([parse_requirement("few<0.01")], shifts) == []
    exact = shifts[0].index
    assert unmet([parse_requirement(f"a<={exact!r}")], shifts[:1]) == []
    assert len(unmet([parse_requirement(f"a<{exact!r}")], shifts[:1])) == 1
