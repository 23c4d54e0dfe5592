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
