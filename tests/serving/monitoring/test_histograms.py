"""Bins that a reference fixes."""

import json

import numpy as np
import pytest

from keras_ptft.serving.monitoring.histograms import (
    Histogram,
    NameBins,
    NumberBins,
)


def test_ten_quantiles_and_two_tails():
    values = np.arange(1001.0)
    bins = NumberBins.of(values)
    assert bins.edges == (5, *range(100, 1000, 100), 995)
    # 0 to 5, 6 to 100, ..., 901 to 995, 996 to 1000; none missing
    assert bins.count(values).tolist() == [6, 95, *[100] * 8, 95, 5, 0]


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5])
def test_a_constant_has_a_bin_of_its_own(value):
    bins = NumberBins.of(np.full(20, value))
    near = np.array([value - 1e-3, value, value + 1e-3, np.nan])
    assert bins.count(near).tolist() == [1, 1, 1, 1]


def test_a_frequent_number_has_a_bin_of_its_own():
    values = np.append(np.zeros(50), np.arange(1.0, 51))
    bins = NumberBins.of(values)
    counts = bins.count(values)
    assert counts[np.searchsorted(bins.edges, 0.0)] == 50
    moved = bins.count(np.full(50, -1.0))
    assert moved[0] == 50 and counts[0] == 0


def test_missing_and_infinite_numbers():
    first = Histogram.of(np.array([1.0, 3.0, np.nan, np.inf]))
    assert first.mean == 2
    assert first.counts[-1] == 1 and first.counts.sum() == 4
    nothing = Histogram.of(np.full(3, np.nan))
    assert (nothing.mean, nothing.counts.tolist()) == (None, [0, 3])


def test_the_twenty_most_frequent_names():
    names = [f"{n:02}" for n in range(30) for _ in range(30 - n)]
    bins = NameBins.of(np.array(names, object))
    assert bins.names == tuple(f"{n:02}" for n in range(20))
    found = bins.count(np.array(["00", "25", "new", "19"], object))
    assert (found[0], found[19], found[-1], found.sum()) == (1, 1, 2, 4)


def test_what_changed_most():
    bins = NameBins(("cat", "dog"))
    before, after = np.array([0.5, 0.5, 0]), np.array([0.4, 0.2, 0.4])
    assert bins.change(before, after) == "(others): 0.0% → 40.0%"
    bins = NumberBins((1.0,))
    assert bins.change(before, after) == "missing 0.0% → 40.0%"
    assert bins.change(before, before) == ""


def test_two_parts_are_counted_as_one():
    values = np.array([1.0, 5, np.nan, 2, 9, np.nan, np.nan])
    bins = NumberBins((2.0, 6.0))
    whole = Histogram.of(values, bins)
    parts = Histogram.of(values[:3], bins).plus(Histogram.of(values[3:], bins))
    assert parts.counts.tolist() == whole.counts.tolist() == [2, 1, 1, 3]
    assert parts.mean == pytest.approx(whole.mean)
    missing = Histogram.of(values[5:], bins)
    assert missing.plus(missing).mean is None
    assert missing.plus(whole).mean == pytest.approx(whole.mean)


@pytest.mark.parametrize("kind", ["constant", "names", "numbers"])
def test_json_keeps_a_histogram(kind):
    values = {
        "constant": np.zeros(5),
        "names": np.array(["a", "b", "b"], object),
        "numbers": np.random.default_rng(0).normal(size=99),
    }[kind]
    before = Histogram.of(values)
    after = Histogram.from_dict(json.loads(json.dumps(before.as_dict())))
    assert after.bins == before.bins and after.mean == before.mean
    assert after.counts.tolist() == before.counts.tolist()
    assert after.bins.count(values).tolist() == before.counts.tolist()
