"""What counts as a right answer."""

import numpy as np
import pytest

from keras_ptft.serving.smoke.differences import WrongAnswerError, difference

EXPECTED = {
    "score": np.array([0.5, 20.0], np.float32),
    "label": np.array([b"cat", b"dog"], object),
}


def test_numbers_by_hand():
    # 0.25 of at least 1, and 1 of 20
    found = {**EXPECTED, "score": np.array([0.75, 21.0])}
    assert difference(found, EXPECTED) == 0.25
    assert difference(EXPECTED, EXPECTED) == 0


def test_an_only_output_needs_no_name():
    score = {"score": EXPECTED["score"]}
    assert difference({"": EXPECTED["score"]}, score) == 0


def test_json_loses_the_shape_of_what_is_empty():
    assert difference({"": np.array([[]])}, {"y": np.zeros((1, 0, 4))}) == 0


@pytest.mark.parametrize(
    "changed, told",
    [
        ({"more": np.zeros(2)}, "it has outputs label, more, score, expected"),
        ({"score": np.zeros(3)}, r"'score' has shape \(3,\), expected \(2,\)"),
        ({"score": np.array([np.nan, 1])}, "'score' holds NaN"),
        ({"score": EXPECTED["label"]}, "'score' holds b'cat', expected"),
        (
            {
                "score": np.array([0.0, 20.0]),
                "label": np.array([b"cat", b"cow"], object),
            },
            "'label' holds b'cow', expected b'dog', and numbers differ by 0.5",
        ),
    ],
    ids=sorted("abcde"),
)
def test_wrong_answers(changed, told):
    with pytest.raises(WrongAnswerError, match=told):
        difference({**EXPECTED, **changed}, EXPECTED)
