"""Intervals and tests over seeds: by hand, by SciPy and by simulation."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from keras_ptft.comparison.statistics import (
    Interval,
    holm,
    mean_interval,
    overlap_of,
    paired_test,
    seeds_needed,
)


def test_an_interval_worked_by_hand():
    found = mean_interval([1, 2, 3])
    # the standard deviation is 1, and t of 2 degrees of freedom 4.302653
    assert found.mean == 2
    assert found.half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert found.low == pytest.approx(2 - 2.484138, abs=1e-6)
    assert found.high == pytest.approx(2 + 2.484138, abs=1e-6)
    assert found.count == 3


@pytest.mark.parametrize("count", [2, 3, 5, 30])
def test_an_interval_of_scipy(count):
    values = np.random.default_rng(count).normal(0.9, 0.02, count)
    found = mean_interval(values.tolist())
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_one_seed_has_no_interval():
    assert mean_interval([0.5]) == Interval(0.5, None, None, 1)
    assert mean_interval([0.5]).half is None


def test_values_that_are_not_finite_have_no_interval():
    assert mean_interval([1, math.inf]) == Interval(math.inf, None, None, 2)
    found = mean_interval([1, math.nan])
    assert math.isnan(found.mean)
    assert (found.low, found.high, found.count) == (None, None, 2)


def test_the_same_value_of_every_seed_is_an_interval_of_no_width():
    assert mean_interval([0.5, 0.5]) == Interval(0.5, 0.5, 0.5, 2)


def test_a_paired_test_worked_by_hand():
    found = paired_test([0.9, 0.8, 0.7], [0.8, 0.6, 0.4])
    assert found.interval.mean == pytest.approx(0.2)
    assert found.spread == pytest.approx(0.1)
    # t = 0.2 / (0.1 / √3) = √12, and of 2 degrees of freedom
    # p = 1 - t / √(t² + 2)
    assert found.p == pytest.approx(1 - math.sqrt(12 / 14))
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert found.interval.low == pytest.approx(0.2 - half, abs=1e-6)
    assert found.interval.high == pytest.approx(0.2 + half, abs=1e-6)


@pytest.mark.parametrize("gain", [-0.5, 0.0, 0.01, 3.0])
@pytest.mark.parametrize("count", [2, 5, 40])
def test_a_paired_test_of_scipy(gain, count):
    random = np.random.default_rng(count)
    before = random.normal(0.5, 0.1, count)
    after = before + random.normal(gain, 0.03, count)
    found = paired_test(after.tolist(), before.tolist())
    expected = stats.ttest_rel(after, before)
    assert found.p == pytest.approx(expected.pvalue)
    ends = tuple(expected.confidence_interval(0.95))
    assert (found.interval.low, found.interval.high) == pytest.approx(ends)
    # turned round, it is the same test
    turned = paired_test(before.tolist(), after.tolist())
    assert turned.p == found.p
    assert turned.interval.mean == -found.interval.mean


@pytest.mark.parametrize(
    "gain, count, p",
    [
        (0.0, 1, 1.0),
        (0.0, 2, 1.0),
        (0.0, 9, 1.0),
        (0.25, 1, 1.0),
        (0.25, 2, 1.0),
        (0.25, 3, 0.0),
        (-0.25, 3, 0.0),
    ],
)
def test_differences_that_are_all_the_same(gain, count, p):
    found = paired_test([0.5 + gain] * count, [0.5] * count)
    assert (found.p, found.spread, found.interval.mean) == (p, 0.0, gain)
    ends = (None, None) if count == 1 else (gain, gain)
    assert (found.interval.low, found.interval.high) == ends


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_differences_that_are_the_same_but_for_rounding(kind):
    # of 100 examples each: 4 more are right in every run
    before = [float(kind(right / 100)) for right in (3, 57, 83)]
    after = [float(kind(right / 100)) for right in (7, 61, 87)]
    assert len({a - b for a, b in zip(after, before, strict=True)}) > 1
    found = paired_test(after[:2], before[:2])
    assert (found.p, found.spread) == (1.0, 0.0)
    found = paired_test(after, before)
    assert (found.p, found.spread) == (0.0, 0.0)
    assert found.interval.mean == pytest.approx(0.04)


def test_a_difference_of_rounding_is_none():
    found = paired_test([0.1 + 0.2] * 3, [0.3] * 3)
    assert (found.p, found.interval.mean) == (1.0, 0.0)


def test_small_differences_are_not_taken_for_rounding():
    # 1 example of 100,000 is one more or less right
    before, gains = np.array([0.99, 0.98, 0.985]), np.array([1, 2, 1]) / 1e5
    found = paired_test((before + gains).tolist(), before.tolist())
    # t = (4 / 3) / (√(1 / 3) / √3) = 4
    assert found.p == pytest.approx(1 - 4 / math.sqrt(18))


def test_holm_worked_by_hand():
    # in order: 4 · 0.005, 3 · 0.01, 2 · 0.03, and 0.04 not below the last
    found = holm([0.01, 0.04, 0.03, 0.005])
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize(
    "given, adjusted",
    [
        ([], []),
        ([0.2], [0.2]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.0, 1.0, 0.0], [0.0, 1.0, 0.0]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
)
def test_holm_at_its_limits(given, adjusted):
    assert holm(given) == adjusted


@pytest.mark.parametrize(
    "effect, seeds", [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)]
)
def test_seeds_needed_are_those_of_published_tables(effect, seeds):
    # pairs of a two-sided t-test at 0.05 with power 0.8
    assert seeds_needed(effect, 1.0) == seeds
    assert seeds_needed(-3 * effect, 3.0) == seeds


def test_the_seeds_needed_find_a_difference_as_often_as_was_asked():
    gain, spread, level = 0.8, 1.0, 0.05 / 3
    needed = seeds_needed(gain, spread, level=level)
    random = np.random.default_rng(1)

    def found(seeds):
        gains = random.normal(gain, spread, (20_000, seeds))
        return float(np.mean(stats.ttest_1samp(gains, 0, axis=1)[1] < level))

    assert found(needed) == pytest.approx(0.8, abs=0.03)
    assert found(needed) > 0.79
    assert found(needed - 1) < 0.8


def test_a_stricter_level_needs_more_seeds():
    assert seeds_needed(0.5, 1.0, level=0.0125) > seeds_needed(0.5, 1.0)


@pytest.mark.parametrize(
    "gain, spread, needed",
    [
        (0.0, 1.0, None),
        (0.0, 0.0, None),
        (0.5, 0.0, 3),
        (1e9, 1.0, 2),
        # 3,142 pairs
        (0.05, 1.0, None),
    ],
)
def test_seeds_needed_at_their_limits(gain, spread, needed):
    assert seeds_needed(gain, spread) == needed


def test_seeds_needed_up_to_a_number():
    assert seeds_needed(0.5, 1.0, most=34) == 34
    assert seeds_needed(0.5, 1.0, most=33) is None


def test_the_interval_covers_the_true_difference():
    random = np.random.default_rng(0)
    before = random.normal(0.8, 0.05, (1000, 5))
    after = before + random.normal(0.02, 0.01, (1000, 5))
    found = [
        paired_test(*pair).interval for pair in zip(after, before, strict=True)
    ]
    covered = np.mean([one.low <= 0.02 <= one.high for one in found])
    assert 0.93 <= covered <= 0.97


def test_the_interval_covers_the_true_mean():
    values = np.random.default_rng(0).normal(0.8, 0.05, (1000, 3))
    found = [mean_interval(seeds) for seeds in values]
    covered = np.mean([one.low <= 0.8 <= one.high for one in found])
    assert 0.93 <= covered <= 0.97


def test_imports_no_tensorflow():
    code = (
        "import sys, keras_ptft.comparison.statistics\n"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_folds_worked_by_hand():
    # of 3 folds the variance of the mean is 1 / 3 + 1 / 2 of that over them
    overlap = overlap_of(3)
    assert overlap == 0.5
    found = mean_interval([1, 2, 3], overlap)
    assert found.half == pytest.approx(4.302653 * math.sqrt(5 / 6), rel=1e-6)
    found = paired_test([0.9, 0.8, 0.7], [0.8, 0.6, 0.4], overlap)
    # t = 0.2 / (0.1 √(5 / 6)) = √4.8
    assert found.p == pytest.approx(1 - math.sqrt(4.8 / 6.8))
    half = 4.302653 * 0.1 * math.sqrt(5 / 6)
    assert found.interval.half == pytest.approx(half, abs=1e-6)
    assert found.spread == pytest.approx(0.1)


def test_folds_that_are_as_alike_as_their_training_sets():
    # by Nadeau and Bengio runs are correlated by n_test / (n_test + n_train)
    folds, share = 5, 1 / 5
    random = np.random.default_rng(0)
    common = random.normal(0, math.sqrt(share), (4000, 1))
    own = random.normal(0, math.sqrt(1 - share), (4000, folds))
    gains = common + own

    def found(overlap):
        nothing = [0.0] * folds
        tests = [paired_test(row, nothing, overlap) for row in gains]
        return float(np.mean([test.p < 0.05 for test in tests]))

    assert found(overlap_of(folds)) == pytest.approx(0.05, abs=0.01)
    # without the correction, chance is taken for a difference
    assert found(0.0) > 0.12
