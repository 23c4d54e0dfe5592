"""Verdicts on differences, their sentences, and how often they are wrong."""

import numpy as np
import pytest

from keras_ptft.comparison.statistics import holm, paired_test, seeds_needed
from keras_ptft.comparison.verdicts import (
    judged,
    linear_sentence,
    margin_of,
    pretraining_sentence,
    verdict_of,
)
from keras_ptft.evaluation.metrics import METRICS

# half a point, as of every metric that is a fraction
MARGIN = 0.005

# gains by seed, with half the width of their interval, which is
# t · standard deviation / √seeds
HELPED = [0.03, 0.04, 0.04, 0.04, 0.05]  # 2.7764 · 0.007071 / √5 = 0.00878
HURT = [-0.02, -0.021, -0.022]  # 4.3027 · 0.001 / √3 = 0.00248
NOTHING = [0.002, -0.003, 0.001, -0.001, 0.002]  # 2.7764 · 0.002168 / √5
UNDECIDED = [-0.03, 0.02, 0.01, 0.05, 0.01]  # 2.7764 · 0.028636 / √5 = 0.0356


def gained(gains):
    return paired_test([0.5 + gain for gain in gains], [0.5] * len(gains))


def difference(gains, family=1):
    test = gained(gains)
    p = min(1.0, family * test.p)
    return judged(test, p, margin=MARGIN, family=family)


def said(gains, metric="accuracy", family=1):
    return pretraining_sentence("probe", difference(gains, family), metric)


def said_of_linear(gains, metric="accuracy"):
    return linear_sentence("probe", difference(gains), metric)


@pytest.mark.parametrize(
    "gains, verdict",
    [
        (HELPED, "helped"),
        (HURT, "hurt"),
        (NOTHING, "did not help"),
        (UNDECIDED, "undecided"),
        # small, but of every seed
        ([0.0003, 0.0004, 0.0005], "helped"),
        # it may have hurt, and it has not helped
        ([-0.02, -0.036, -0.052], "did not help"),
        ([0.04], "undecided"),
        ([0.0], "undecided"),
        ([0.04, 0.04], "undecided"),
        ([0.0, 0.0], "undecided"),
        ([-0.04, -0.04], "undecided"),
        ([0.04, 0.04, 0.04], "helped"),
        ([-0.04, -0.04, -0.04], "hurt"),
        ([0.0, 0.0, 0.0], "did not help"),
    ],
)
def test_verdicts(gains, verdict):
    found = difference(gains)
    assert found.verdict == verdict
    assert found.gain == pytest.approx(np.mean(gains))
    assert found.count == len(gains)
    assert (found.needed is not None) == (verdict == "undecided")


def test_the_numbers_of_a_difference():
    found = difference(HELPED)
    assert found.gain == pytest.approx(0.04)
    assert found.low == pytest.approx(0.04 - 0.0087799, abs=1e-6)
    assert found.high == pytest.approx(0.04 + 0.0087799, abs=1e-6)
    assert found.p == pytest.approx(0.000225, abs=1e-6)


def test_the_margin_of_no_gain():
    test = gained(NOTHING)
    high = test.interval.high
    assert high == pytest.approx(0.0002 + 0.0026919, abs=1e-6)
    assert verdict_of(test, 1.0, high + 1e-9) == "did not help"
    assert verdict_of(test, 1.0, high) == "undecided"


def test_the_adjusted_p_decides():
    test = gained(HELPED)
    assert verdict_of(test, 0.0499, MARGIN) == "helped"
    assert verdict_of(test, 0.05, MARGIN) == "undecided"


def test_margins():
    assert margin_of("accuracy", 0.2) == 0.005
    assert margin_of("roc_auc", 0.2) == 0.005
    assert margin_of("mae", 12.0) == pytest.approx(0.24)
    assert margin_of("perplexity", 50.0) == pytest.approx(1.0)
    # a metric of which only the name is known
    assert margin_of("cosine", -0.5) == pytest.approx(0.01)


def test_metrics_that_had_better_be_high_end_at_1():
    # one that does not, such as a signal-to-noise ratio, needs a margin
    assert {n for n in METRICS if METRICS[n].direction == "higher"} == {
        "accuracy",
        "knn_accuracy",
        "probe_accuracy",
        "view_accuracy",
        "rotation_accuracy",
        "pair_accuracy",
        "mean_reciprocal_rank",
        "top_5_accuracy",
        "precision_weighted",
        "recall_weighted",
        "f1_weighted",
        "roc_auc_macro",
        "roc_auc",
        "average_precision",
        "exact_match",
        "f1_micro",
        "f1_macro",
        "mean_average_precision",
        "precision_micro",
        "recall_micro",
        "precision_macro",
        "recall_macro",
        "entity_f1",
        "entity_precision",
        "entity_recall",
        "r2",
    }


def test_one_seed_asks_for_five():
    assert difference([0.04]).needed == 5


def test_seeds_needed_to_show_a_gain():
    test = gained(UNDECIDED)
    assert difference(UNDECIDED).needed == 47
    assert seeds_needed(0.012, test.spread) == 47
    # tested with three others, its p must be 4 times lower
    needed = seeds_needed(0.012, test.spread, level=0.05 / 4)
    assert difference(UNDECIDED, family=4).needed == needed > 47


def test_seeds_needed_to_show_that_there_is_no_gain():
    gains = [-0.01, -0.1, 0.05]
    test = gained(gains)
    # a gain of half a point is further away than none
    needed = seeds_needed(0.02 + MARGIN, test.spread)
    assert difference(gains).needed == needed < seeds_needed(0.02, test.spread)


def test_what_is_undecided_needs_more_seeds_than_there_are():
    random = np.random.default_rng(0)
    found = [difference(random.normal(0.01, 0.02, 4), 3) for _ in range(100)]
    needed = [one.needed for one in found if one.verdict == "undecided"]
    assert len(needed) > 50
    assert all(seeds is None or seeds > 4 for seeds in needed)


def test_sentences_in_points():
    assert said(HELPED) == (
        "probe: pretraining helped by 4.0 ± 0.9 points (95 % interval, 5 seeds)"
    )
    assert said(HURT) == (
        "probe: pretraining hurt by 2.1 ± 0.2 points (95 % interval, 3 seeds)"
    )
    assert said(UNDECIDED) == (
        "probe: undecided whether pretraining helped (1.2 ± 3.6 points): "
        "about 42 more seeds would tell"
    )
    # what is small has two digits
    assert said(NOTHING) == (
        "probe: pretraining did not help: 0.02 ± 0.27 points "
        "(95 % interval, 5 seeds)"
    )
    assert said([0.0] * 3) == (
        "probe: pretraining did not help: 0.0 ± 0.0 points "
        "(95 % interval, 3 seeds)"
    )
    # what is rounded to nothing has no sign
    assert "help: 0.00 ± 0.00 points" in said([-2e-5, 1e-5, -1e-5])


def test_sentences_in_the_unit_of_the_metric():
    basis = "(95 % interval, 5 seeds)"
    helped = "probe: pretraining helped by"
    assert (
        said(HELPED, "roc_auc") == f"{helped} 0.0400 ± 0.0088 ROC AUC {basis}"
    )
    assert said(HELPED, "loss") == f"{helped} 0.0400 ± 0.0088 nats {basis}"
    assert said(HELPED, "mae") == f"{helped} 0.0400 ± 0.0088 MAE {basis}"
    found = said([100 * gain for gain in HELPED], "perplexity")
    assert found == f"{helped} 4.00 ± 0.88 perplexity {basis}"


def test_sentences_of_few_seeds():
    start = "probe: undecided whether pretraining helped"
    assert said([0.04]) == (
        f"{start} (4.0 points, 1 seed): about 4 more seeds would tell"
    )
    assert said([-0.04, -0.04]) == (
        f"{start} (-4.0 ± 0.0 points): about 1 more seed would tell"
    )


def test_a_sentence_where_too_many_seeds_would_be_needed():
    # the gain is just the margin, so neither it nor its lack is near
    gains = [MARGIN - 0.5, MARGIN + 0.5]
    assert difference(gains).needed is None
    assert said(gains) == (
        "probe: undecided whether pretraining helped (0.5 ± 635.3 points): "
        "more than 1,000 seeds would be needed to tell"
    )


def test_a_sentence_where_only_the_other_variants_leave_it_undecided():
    gains = [0.015, 0.025, 0.02]
    # t = √48, so p = 1 - √(48 / 50) = 0.0202, and four times that
    found = said(gains, family=4)
    assert found.startswith(
        "probe: undecided whether pretraining helped (2.0 ± 1.2 points, "
        "p = 0.081 with all variants counted): about "
    )
    assert said(gains).startswith("probe: pretraining helped by 2.0 ± 1.2")


def test_sentences_against_a_linear_model():
    assert said_of_linear(HELPED) == ""
    assert said_of_linear(NOTHING) == "probe: a linear model does as well"
    assert said_of_linear(HURT) == (
        "probe: a linear model does better by 2.1 ± 0.2 points "
        "(95 % interval, 3 seeds)"
    )
    assert said_of_linear(UNDECIDED) == (
        "probe: a linear model may do as well (undecided over 5 seeds)"
    )
    assert said_of_linear([0.04]) == (
        "probe: a linear model may do as well (undecided over 1 seed)"
    )


def shares_of_verdicts(gain, variants, adjust, comparisons=1000):
    """The share of comparisons with each verdict on any of the variants.

    All are compared with the same scratch, over 5 seeds.
    """
    random = np.random.default_rng(7)
    scores = random.normal(0.8, 0.01, (comparisons, variants + 1, 5))
    scores[:, 1:] += gain
    found = []
    for scratch, *others in scores:
        tests = [paired_test(other, scratch) for other in others]
        p_values = adjust([test.p for test in tests])
        found.append(
            {
                verdict_of(test, p, MARGIN)
                for test, p in zip(tests, p_values, strict=True)
            }
        )
    verdicts = ["helped", "hurt", "did not help"]
    return {v: sum(v in each for each in found) / comparisons for v in verdicts}


@pytest.mark.parametrize("variants", [1, 4])
def test_where_nothing_helps_it_is_seldom_said(variants):
    shares = shares_of_verdicts(0.0, variants, adjust=holm)
    assert shares["helped"] < 0.05
    assert shares["hurt"] < 0.05


def test_it_would_be_said_too_often_were_p_not_adjusted():
    shares = shares_of_verdicts(0.0, variants=4, adjust=list)
    assert shares["helped"] > 0.05


def test_a_clear_gain_is_found():
    assert shares_of_verdicts(0.04, 1, adjust=holm)["helped"] > 0.95


def test_a_clear_gain_is_seldom_denied():
    # a gain of one point, where less than half a point would be none
    assert shares_of_verdicts(0.01, 1, adjust=holm)["did not help"] < 0.05
