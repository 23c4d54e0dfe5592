"""Numbers that a comparison must reach."""

import dataclasses
import math

import pytest

from keras_ptft.comparison.require import (
    Requirement,
    check_requirements,
    parse_requirement,
)
from keras_ptft.comparison.result import Comparison, Scores
from keras_ptft.comparison.summary import summarise
from keras_ptft.errors import UserError


def scores(variant, examples, accuracy, loss):
    return Scores(
        variant=variant,
        budget=str(examples),
        train_examples=examples,
        seeds=range(len(accuracy)),
        metrics={"accuracy": accuracy, "loss": loss},
        seconds=[1.0] * len(accuracy),
        trained_parameters=10,
    )


FOUND = (
    scores("scratch", 1000, (0.96, 0.97), (0.2, 0.1)),
    scores("fine-tuned", 1000, (0.97, 0.98), (0.11, 0.08)),
    # a small budget, which nothing is required of
    scores("scratch", 10, (0.1, 0.1), (9.0, 9.0)),
    scores("fine-tuned", 10, (0.9, 0.9), (1.0, 1.0)),
)


def summary(*found, metric="accuracy"):
    return summarise(
        Comparison(
            name="digits",
            recipe="flags/digits.txt",
            metric=metric,
            machine="2 cores",
            scores=found or FOUND,
        )
    )


def refused(text, of):
    with pytest.raises(UserError) as error:
        check_requirements([text], of)
    return str(error.value)


@pytest.mark.parametrize(
    "text, name, sign, number",
    [
        ("accuracy>=0.99", "accuracy", ">=", 0.99),
        ("loss<=1", "loss", "<=", 1.0),
        ("f1_macro>.5", "f1_macro", ">", 0.5),
        ("mae<1e3", "mae", "<", 1000.0),
        (" gain >= -0.01 ", "gain", ">=", -0.01),
        ("accuracy<=1", "accuracy", "<=", 1.0),
    ],
)
def test_forms(text, name, sign, number):
    assert parse_requirement(text) == Requirement(name, sign, number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accuracy",
        "accuracy=0.99",
        "accuracy==0.99",
        "accuracy=>0.99",
        "accuracy>=",
        ">=0.99",
        "0.9<=accuracy<=0.95",
        "accuracy>=0.9 loss<1",
        "accuracy>=99%",
        "accuracy>=nan",
        "loss<inf",
        "accuracy≥0.99",
    ],
)
def test_other_forms_are_refused_in_one_line(text):
    with pytest.raises(UserError) as error:
        parse_requirement(text)
    assert str(error.value) == (
        "A requirement must be METRIC>=NUMBER or gain>=NUMBER (or with <=, "
        f">, <), got {text!r}: write for example accuracy>=0.99."
    )


def test_a_percentage_of_a_fraction_is_refused():
    assert refused("accuracy>=99", summary()) == (
        "Requirement 'accuracy>=99' must have a fraction, at most 1, got 99: "
        "write 0.99 for 99 %."
    )
    assert refused("gain>=1.5", summary()) == (
        "Requirement 'gain>=1.5' must have a fraction, at most 1, got 1.5: "
        "write 0.015 for 1.5 %."
    )


def test_a_gain_of_another_metric_may_be_over_1():
    found = check_requirements(["gain>=2"], summary(metric="loss"))
    assert found == [
        "expected gain >= 2, found 0.055 (fine-tuned, 1,000 training "
        "examples, mean of 2 seeds)"
    ]


@pytest.mark.parametrize(
    "text",
    [
        # means 0.975 and 0.095, gain 0.01
        "accuracy>=0.975",
        "accuracy<=0.975",
        "accuracy>0.97",
        "loss<0.096",
        "loss<=0.095",
        "loss>=0.095",
        "gain>=0.01",
        "gain<=0.01",
        "gain>0",
    ],
)
def test_what_is_met(text):
    assert check_requirements([text], summary()) == []


@pytest.mark.parametrize(
    "text, expected, value",
    [
        ("accuracy>=0.99", "accuracy >= 0.99", "0.975"),
        ("accuracy>0.975", "accuracy > 0.975", "0.975"),
        ("accuracy < 0.975", "accuracy < 0.975", "0.975"),
        ("accuracy>=0.975001", "accuracy >= 0.975001", "0.975"),
        ("loss<0.095", "loss < 0.095", "0.095"),
        ("gain>=0.0101", "gain >= 0.0101", "0.01"),
        ("gain>0.01", "gain > 0.01", "0.01"),
    ],
)
def test_what_is_not_met_is_said(text, expected, value):
    assert check_requirements([text], summary()) == [
        f"expected {expected}, found {value} (fine-tuned, 1,000 training "
        "examples, mean of 2 seeds)"
    ]


def test_means_are_rounded():
    assert Requirement("perplexity", "<=", 1e6).met_by(1e6 + 1e-5)
    assert not Requirement("perplexity", "<=", 1e6).met_by(1e6 + 1)
    assert not Requirement("gain", ">", 0.0).met_by(1e-15)
    assert Requirement("gain", ">", 0.0).met_by(1e-6)


def test_each_that_is_not_met_is_said():
    texts = ["accuracy>=0.99", "loss<=1", "gain>=0.5"]
    found = check_requirements(texts, summary())
    assert [sentence.split(",")[0] for sentence in found] == [
        "expected accuracy >= 0.99",
        "expected gain >= 0.5",
    ]
    assert check_requirements([], summary()) == []


def test_a_gain_is_of_a_lower_loss():
    # of the loss, 0.15 - 0.095
    assert check_requirements(["gain>=0.055"], summary(metric="loss")) == []


def test_one_seed_is_enough_to_require():
    found = summary(scores("fine-tuned", 5, (0.5,), (1.0,)))
    assert check_requirements(["accuracy>0.6"], found) == [
        "expected accuracy > 0.6, found 0.5 (fine-tuned, 5 training examples, "
        "mean of 1 seed)"
    ]


@pytest.mark.parametrize("text", ["loss<1", "loss>=1", "loss<=1"])
def test_what_is_no_number_is_not_met(text):
    tuned = scores("fine-tuned", 5, (0.5, 0.5), (math.nan, 1.0))
    assert "found nan" in check_requirements([text], summary(tuned))[0]


def test_a_metric_that_is_not_there_is_refused():
    assert refused("acuracy>=0.9", summary()) == (
        "Requirement 'acuracy>=0.9' must name a metric of the comparison, got "
        "'acuracy' (did you mean \"accuracy\"?): name one of accuracy, loss, "
        "or gain."
    )
    assert refused("r2>0", summary()) == (
        "Requirement 'r2>0' must name a metric of the comparison, got 'r2': "
        "name one of accuracy, loss, or gain."
    )


def test_a_comparison_without_fine_tuned_is_refused():
    found = summary(FOUND[0], dataclasses.replace(FOUND[0], variant="probe"))
    assert refused("accuracy>=0.9", found) == (
        "Requirement 'accuracy>=0.9' needs the variant 'fine-tuned', got only "
        "scratch, probe: add it to the comparison."
    )


def test_a_gain_without_scratch_is_refused():
    assert refused("gain>=0.01", summary(FOUND[1])) == (
        "Requirement 'gain>=0.01' needs the variant 'scratch' over the same "
        "seeds, got none at budget 1000: add it to the comparison."
    )
