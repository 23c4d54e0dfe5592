import pytest

from keras_ptft.comparison.method import facts, method
from tests.comparison.measured import comparison, scores


def test_seeds_that_differ_are_told():
    measured = comparison(
        scores("scratch", [0.5, 0.6]),
        scores("linear", [0.5], seeds=[0]),
        scores("fine-tuned", [0.5, 0.6]),
        scores("linear", [0.5], "50%", seeds=[0]),
    )
    assert dict(facts(measured)) == {
        "variants": "scratch, linear, fine-tuned",
        "metric": "accuracy on test, higher is better",
        "seeds": "0, 1; linear at 10 labels a class, linear at 50 % of the "
        "labels: 0",
        "machine": "2 CPU cores",
    }


def test_folds_are_told_in_place_of_seeds():
    measured = comparison(
        scores("scratch", [0.5, 0.6, 0.6]),
        scores("fine-tuned", [0.5, 0.7, 0.6]),
        folds=3,
    )
    assert ("folds", "0, 1, 2") in facts(measured)
    told = " ".join(method(measured))
    assert "the variance of the mean is 1/3 + 1/2 of that over the" in told
    assert "paired t-test, corrected likewise, by Holm's method" in told
    assert "at the same fold, over the folds that both" in told
    assert "seed" not in told


@pytest.mark.parametrize(
    "metric, margin",
    [
        ("accuracy", "below 0.5 points,"),
        ("roc_auc", "below 0.005,"),
        ("mae", "below 2 % of the mean of the other,"),
    ],
)
def test_the_gain_that_is_none_is_told(metric, margin):
    measured = comparison(
        scores("scratch", [0.5, 0.6], metric=metric), metric=metric
    )
    assert margin in " ".join(method(measured))
