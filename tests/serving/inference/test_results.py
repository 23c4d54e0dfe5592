from keras_ptft.serving.inference.results import (
    Estimate,
    Generated,
    LabelSet,
    Prediction,
    Results,
)
from keras_ptft.serving.inputs.skipped import Skipped


def test_results_are_shown_on_a_line():
    assert str(Prediction("a, b.png", "狗", 0.75)) == "a, b.png  狗  0.7500"
    assert str(Prediction("a", "", 0.2)) == "a  (none)  0.2000"
    assert str(Generated("ab", "abcd ")) == "abcd "
    assert str(Estimate("a.png", 1234.5678)) == "a.png  1234.57"
    shares = {"even": 0.75, "prime": 0.5, "odd": 0.25}
    several = LabelSet("a", ("even", "prime"), shares)
    assert str(several) == "a  even 0.7500, prime 0.5000"
    assert str(LabelSet("a", (), shares)) == "a  (none)"


def test_results_have_cells():
    assert Prediction("a.png", "cat", 0.25).cells() == {
        "input": "a.png",
        "label": "cat",
        "probability": 0.25,
    }
    assert Generated("ab", "abcd").cells() == {"input": "ab", "text": "abcd"}
    assert Estimate("a", -2.5).cells() == {"input": "a", "value": -2.5}
    shares = {"even": 0.75, "prime": 0.5}
    assert LabelSet("a", ("even", "prime"), shares).cells() == {
        "input": "a",
        "labels": "even;prime",
        "probability of even": 0.75,
        "probability of prime": 0.5,
    }


def test_inputs_without_a_result_are_counted_as_they_are_met():
    skipped, events = Skipped(), []

    def rows():
        try:
            yield Generated("a", "b")
            skipped.add("c.png", "it is damaged")
            yield Generated("d", "e")
        finally:
            events.append("closed")

    results = Results(rows(), skipped)
    assert (next(results).text, results.unanswered) == ("b", 0)
    assert (next(results).text, results.unanswered) == ("e", 1)
    assert events == []
    results.close()
    assert list(results) == [] and events == ["closed"]
