"""What a report tells of probabilities and intervals."""

import numpy as np
import pytest

from keras_ptft.evaluation.metrics.calibration import calibration
from keras_ptft.evaluation.report.calibration import (
    calibration_text,
    error_by_chance,
)
from tests.evaluation.report.pages import (
    example_metrics,
    pictures,
    report,
    words,
)

NAMES = ["a", "b"]


def calibrated(right, examples=1000, share=0.9, **changes):
    row = {"from": 13 / 15, "to": 14 / 15, "examples": examples}
    rows = [{**row, "confidence": share, "accuracy": right / examples}]
    error = abs(share - right / examples)
    return {"bins": rows, "error": error, **changes}


@pytest.mark.parametrize(
    ("right", "verdict"),
    # of 1,000 at 0.9, 900 ± 19 are right by chance
    [
        (930, "The model is right more often than it is sure: "),
        (918, "The model is about as sure as it is right: "),
        (882, "The model is about as sure as it is right: "),
        (870, "The model is surer than it is right: "),
    ],
)
def test_a_verdict_needs_more_than_chance(right, verdict):
    assert calibration_text(calibrated(right)).startswith(verdict)


def test_what_is_right_on_the_whole_may_be_wrong_at_each_probability():
    rows = [
        {"examples": 200, "confidence": share, "accuracy": right}
        for share, right in ((0.6, 0.9), (0.9, 0.6))
    ]
    text = calibration_text({"bins": rows, "error": 0.3})
    assert text.startswith(
        "The model is about as sure as it is right on the whole, but not at "
        "each probability: "
    )


def test_the_error_of_exact_probabilities_is_not_0():
    """As often as drawn: of 101 photos in 6 bins, few are in each."""
    sizes = np.array([4, 6, 8, 13, 20, 50])
    shares = np.array([0.4, 0.55, 0.63, 0.77, 0.88, 0.985])
    draws = np.random.default_rng(0).binomial(sizes, shares, (20_000, 6))
    errors = np.abs(draws / sizes - shares) @ sizes / 101
    pairs = zip(sizes.tolist(), shares.tolist(), strict=True)
    bins = [{"examples": n, "confidence": p, "accuracy": p} for n, p in pairs]
    wanted = errors.mean() + 2 * errors.std()
    assert error_by_chance(bins) == pytest.approx(wanted, rel=0.01)


def test_the_page_shows_it(tmp_path):
    labels = np.array([0, 1, 1, 0, 1, 1])
    logits = np.log([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7]] * 2)
    metrics = example_metrics(NAMES)
    path = tmp_path / "report.html"
    without = report(path, NAMES, metrics=metrics)
    assert "Calibration" not in without
    metrics["calibration"] = calibration(labels, logits, 1.5)
    page = report(path, NAMES, metrics=metrics)
    assert len(pictures(page)) == len(pictures(without)) + 1
    text = words(page)
    assert "Calibration On the line a probability is how often" in text
    assert "divided by 1.5, the best temperature" in text


def test_one_example_is_a_picture_too(tmp_path):
    metrics = example_metrics(NAMES)
    metrics["calibration"] = calibrated(1, 1, 1.0)
    page = report(tmp_path / "report.html", NAMES, metrics=metrics)
    assert len(pictures(page)) == 4
    assert "about as sure as it is right" in words(page)


def test_cards_have_their_intervals(tmp_path):
    metrics = example_metrics(NAMES)
    metrics["intervals"] = {"accuracy": [0.931, 0.9744], "loss": [0.2, 0.31]}
    text = words(report(tmp_path / "report.html", NAMES, metrics=metrics))
    assert "% accuracy 95 % interval 93.10 to 97.44 " in text
    assert "0.2500 loss (nats) 95 % interval 0.2000 to 0.3100 " in text
    assert text.count("95 % interval ") == 2
