from keras_ptft.serving.inference.results import (
    Generated,
    Prediction,
    Results,
)
from keras_ptft.serving.inputs.skipped import Skipped


def test_results_are_shown_on_a_line():
    assert str(Prediction("a, b.png", "狗", 0.75)) == "a, b.png  狗  0.7500"
    assert str(Prediction("a", "", 0.2)) == "a  (none)  0.2000"
    assert str(Generated("ab", "abcd ")) == "abcd "


def test_results_have_cells():
    assert Prediction("a.png", "cat", 0.25).cells() == {
        "input": "a.png",
        "label": "cat",
        "probability": 0.25,
    }
    assert Generated("ab", "abcd").cells() == {"input": "ab", "text": "abcd"}


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
