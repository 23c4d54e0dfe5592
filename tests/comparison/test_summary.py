"""Rows, differences and sentences of a comparison, worked by hand."""

import dataclasses
import json
import math

import numpy as np
import pytest

from keras_ptft.comparison.result import Comparison, Scores
from keras_ptft.comparison.statistics import mean_interval
from keras_ptft.comparison.summary import summarise
from keras_ptft.errors import UserError

SEEDS = (1, 2, 3)


def scores(variant, values, examples=50, seeds=SEEDS, metric="accuracy"):
    return Scores(
        variant=variant,
        budget=str(examples),
        train_examples=examples,
        seeds=seeds,
        metrics={metric: values, "other": [2.0 * v for v in values]},
        seconds=[10.0 * seed for seed in seeds],
        trained_parameters=1234,
    )


def comparison(*found, metric="accuracy"):
    return Comparison(
        name="digits",
        recipe="flags/digits.txt",
        metric=metric,
        machine="2 cores",
        scores=found,
    )


def summary(*found, metric="accuracy"):
    return summarise(comparison(*found, metric=metric))


SCRATCH = scores("scratch", (0.5, 0.6, 0.7))
# gains 0.1, 0.2, 0.3: t = √12 and p = 1 - √(12 / 14) = 0.0742
PROBE = scores("probe", (0.6, 0.8, 1.0))
# gains 0.19, 0.20, 0.21: t = 20 √3 and p = 1 - √(1200 / 1202) = 0.000832
TUNED = scores("fine-tuned", (0.69, 0.8, 0.91))
# gains 0.02, -0.02, 0: t = 0 and p = 1
LINEAR = scores("linear", (0.52, 0.58, 0.7))


def test_rows_stand_in_order_with_their_numbers():
    found = summary(SCRATCH, TUNED)
    assert [row.variant for row in found.rows] == ["scratch", "fine-tuned"]
    row = found.rows[1]
    assert (row.budget, row.train_examples) == ("50", 50)
    assert (row.seconds, row.trained_parameters) == (10.0, 1234)
    assert row.metrics == {
        "accuracy": mean_interval((0.69, 0.8, 0.91)),
        "other": mean_interval((1.38, 1.6, 1.82)),
    }
    assert found.metric == "accuracy"


def test_differences_are_paired_by_seed():
    turned = scores("fine-tuned", (0.91, 0.69, 0.8), seeds=(3, 1, 2))
    for tuned in TUNED, turned:
        difference = summary(SCRATCH, tuned).rows[1].against["scratch"]
        assert difference.gain == pytest.approx(0.2)
        assert difference.p == pytest.approx(1 - math.sqrt(1200 / 1202))
        half = 4.302653 * 0.01 / math.sqrt(3)
        assert difference.low == pytest.approx(0.2 - half, abs=1e-6)
        assert difference.verdict == "helped"


def test_only_seeds_that_both_have_are_compared():
    tuned = scores("fine-tuned", (0.0, 0.91, 0.8), seeds=(9, 3, 2))
    difference = summary(SCRATCH, tuned).rows[1].against["scratch"]
    assert difference.count == 2
    assert difference.gain == pytest.approx((0.21 + 0.2) / 2)
    # its own interval is of all its seeds
    assert summary(SCRATCH, tuned).rows[1].metrics["accuracy"].count == 3


def test_where_there_is_nothing_to_compare_with():
    found = summary(SCRATCH, scores("fine-tuned", (0.9,), seeds=(7,)))
    for row in found.rows:
        assert set(row.against) == {"scratch", "linear", "trained"}
        assert not any(row.against.values())
    assert found.sentences == {"50": []}
    assert found.label_worth == ""


def test_a_reference_is_compared_with_the_other_one():
    scratch, linear = summary(SCRATCH, LINEAR).rows
    assert scratch.against["scratch"] is None
    assert linear.against["linear"] is None
    assert linear.against["scratch"].gain == pytest.approx(0)
    assert scratch.against["linear"].gain == pytest.approx(0)


def test_p_is_adjusted_over_the_variants_of_a_budget():
    probe, tuned = 1 - math.sqrt(12 / 14), 1 - math.sqrt(1200 / 1202)
    rows = summary(SCRATCH, PROBE, TUNED, LINEAR).rows
    p_values = [row.against["scratch"].p for row in rows[1:]]
    # 2 · probe, 3 · tuned, and 1 of the linear model
    assert p_values == pytest.approx([2 * probe, 3 * tuned, 1.0])
    # the same variants at another budget are another family
    again = [dataclasses.replace(s, budget="99") for s in (SCRATCH, PROBE)]
    rows = summary(SCRATCH, PROBE, TUNED, LINEAR, *again).rows
    assert rows[1].against["scratch"].p == pytest.approx(2 * probe)
    assert rows[5].against["scratch"].p == pytest.approx(probe)


def test_less_is_better_of_a_metric_that_had_better_be_low():
    found = summary(
        scores("scratch", (10.0, 11.0, 12.0), metric="mae"),
        scores("fine-tuned", (9.0, 10.0, 10.9), metric="mae"),
        scores("probe", (10.1, 11.0, 12.0), metric="mae"),
        metric="mae",
    )
    tuned, probe = (row.against["scratch"] for row in found.rows[1:])
    assert tuned.gain == pytest.approx(3.1 / 3)
    assert (tuned.low < tuned.gain < tuned.high, tuned.verdict) == (
        True,
        "helped",
    )
    assert probe.gain == pytest.approx(-0.1 / 3)
    # below 2 % of 11, which is 0.22: -0.033 + 4.3027 · 0.0577 / √3 = 0.110
    assert (probe.high, probe.verdict) == (
        pytest.approx(0.1101, abs=1e-4),
        "did not help",
    )
    # the mean that is shown keeps its sign
    assert found.rows[1].metrics["mae"].mean == pytest.approx(29.9 / 3)


def test_sentences_of_each_budget():
    later = [dataclasses.replace(s, budget="all") for s in (SCRATCH, TUNED)]
    found = summary(SCRATCH, PROBE, TUNED, LINEAR, *later).sentences
    basis = "(95 % interval, 3 seeds)"
    # of probe, 6 seeds give power 0.8 at the level 0.05 / 3
    assert found == {
        "50": [
            "scratch: a linear model may do as well (undecided over 3 seeds)",
            "probe: undecided whether pretraining helped (20.0 ± 24.8 "
            "points): about 3 more seeds would tell",
            "probe: a linear model may do as well (undecided over 3 seeds)",
            f"fine-tuned: pretraining helped by 20.0 ± 2.5 points {basis}",
        ],
        "all": [f"fine-tuned: pretraining helped by 20.0 ± 2.5 points {basis}"],
    }


def test_json_holds_a_summary():
    found = summary(SCRATCH, PROBE, TUNED, LINEAR)
    held = json.loads(json.dumps(dataclasses.asdict(found), allow_nan=False))
    assert held["rows"][2]["against"]["scratch"]["verdict"] == "helped"
    assert held["rows"][2]["metrics"]["accuracy"]["count"] == 3
    assert held["rows"][0]["against"]["scratch"] is None
    assert held["sentences"]["50"] == found.sentences["50"]


def curve(variant, means, spread=0.001, metric="accuracy"):
    """Of 10, 100, 1,000 and 10,000 labels; three seeds about each mean."""
    off = np.array([-spread, 0, spread])
    for examples, mean in zip((10, 100, 1000, 10_000), means, strict=False):
        values = (mean + off * (1 + (variant == "fine-tuned"))).tolist()
        yield scores(variant, values, examples, metric=metric)


def worth(scratch, tuned, **kwargs):
    found = [*curve("scratch", scratch, **kwargs)]
    found += curve("fine-tuned", tuned, **kwargs)
    return summary(*found, metric=kwargs.get("metric", "accuracy")).label_worth


def test_the_worth_in_labels_worked_by_hand():
    # 0.65 is half way from 0.5 to 0.8: 10 · √10 labels
    assert worth((0.5, 0.8, 0.9), (0.65, 0.95, 0.97)) == (
        "Pretraining is worth about 3.2 times the labels: scratch needs 32 "
        "for what fine-tuned has with 10."
    )
    # 0.8 + 0.09 of 0.1: 100 · 10^0.9 = 794 labels
    assert worth((0.5, 0.8, 0.9), (0.89, 0.95, 0.97)) == (
        "Pretraining is worth about 79 times the labels: scratch needs 790 "
        "for what fine-tuned has with 10."
    )


def test_scratch_just_reaches_it_at_a_budget():
    assert worth((0.5, 0.8, 0.9), (0.9, 0.95, 0.97)) == (
        "Pretraining is worth about 100 times the labels: scratch needs "
        "1,000 for what fine-tuned has with 10."
    )


def test_the_order_of_budgets_is_that_of_their_examples():
    found = [*curve("scratch", (0.5, 0.8, 0.9))]
    found += curve("fine-tuned", (0.65, 0.85, 0.97))
    assert "fine-tuned has with 10." in summary(*found).label_worth
    assert summary(*found[::-1]).label_worth == summary(*found).label_worth


def test_the_smallest_budget_that_scratch_reaches_counts():
    # what 10 labels give is never reached, and what 100 give is
    assert worth((0.5, 0.6, 0.9), (0.95, 0.75, 0.97)) == (
        "Pretraining is worth about 3.2 times the labels: scratch needs 320 "
        "for what fine-tuned has with 100."
    )


def test_the_worth_by_a_metric_that_had_better_be_low():
    assert worth((9.0, 7.0, 5.0), (8.0, 4.0, 3.0), metric="mae") == (
        "Pretraining is worth about 3.2 times the labels: scratch needs 32 "
        "for what fine-tuned has with 10."
    )


@pytest.mark.parametrize(
    "scratch, tuned",
    [
        # never reached
        ((0.5, 0.6, 0.7), (0.8, 0.9, 0.95)),
        # no better
        ((0.5, 0.6, 0.7), (0.4, 0.6, 0.65)),
        # one budget has no curve
        ((0.5,), (0.8,)),
    ],
)
def test_where_the_worth_is_not_known(scratch, tuned):
    assert worth(scratch, tuned) == ""


def test_a_gain_that_is_undecided_is_worth_no_labels():
    means = (0.5, 0.8, 0.9), (0.65, 0.7, 0.8)
    assert worth(*means, spread=0.01) != ""
    assert worth(*means, spread=0.1) == ""


def test_a_curve_that_falls_first():
    # from 0.7 it falls to 0.5, and passes 0.75 on its way to 0.9
    found = worth((0.7, 0.5, 0.9), (0.75, 0.4, 0.8))
    # 100 · 10^(0.25 / 0.4) = 422
    assert found == (
        "Pretraining is worth about 42 times the labels: scratch needs 420 "
        "for what fine-tuned has with 10."
    )


def test_scratch_that_had_it_with_fewer_labels_is_no_worth():
    # it has 0.7 with 32 labels, but at 1,000 it does not, as fine-tuned does
    assert worth((0.5, 0.9, 0.6, 0.9), (0.4, 0.6, 0.7, 0.8)) == (
        "Pretraining is worth about 2.2 times the labels: scratch needs "
        "2,200 for what fine-tuned has with 1,000."
    )


def refused(*found, metric="accuracy"):
    with pytest.raises(UserError) as error:
        summary(*found, metric=metric)
    return str(error.value)


def test_a_metric_without_a_direction_is_refused():
    message = refused(SCRATCH, metric="examples")
    assert message.startswith(
        "The metric of a comparison must be one that is better high or low, "
        "got 'examples': name one of accuracy, roc_auc, "
    )
    assert message.endswith(", loss, perplexity.")


def test_a_metric_that_a_variant_has_not_is_refused():
    mae = scores("linear", (1.0, 2.0, 3.0), metric="mae")
    assert refused(SCRATCH, mae) == (
        "The metric of a comparison must be one of every variant, got "
        "'accuracy', which 'linear' at budget 50 has not: name one of mae, "
        "other."
    )


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_run_that_diverged_is_named(value):
    tuned = scores("fine-tuned", (0.5, value, 0.5))
    assert refused(SCRATCH, tuned) == (
        "The accuracy of 'fine-tuned' at budget 50, seed 2, must be a finite "
        f"number, got {value}: its training diverged; lower its learning rate."
    )


def test_another_metric_that_is_not_finite_has_no_interval():
    other = {**TUNED.metrics, "other": (1.0, math.inf, 1.0)}
    tuned = dataclasses.replace(TUNED, metrics=other)
    found = summary(SCRATCH, tuned).rows[1]
    assert found.metrics["other"].half is None
    assert found.against["scratch"].verdict == "helped"
