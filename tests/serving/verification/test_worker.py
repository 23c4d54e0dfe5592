import json
import math

import numpy as np
import pytest

from keras_ptft.serving.verification.worker import largest_differences, main


@pytest.fixture
def expected(logits):
    powers = np.exp(logits[:5] - logits[:5].max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return {"logits": logits[:5], "probabilities": shares}


def test_small_differences_are_counted(exported, digits, expected):
    found = largest_differences(str(exported.path), digits[0][:5], expected)
    assert set(found) == {"serving_default", "encoded_images"}
    assert max(found.values()) <= 1e-5


def test_a_difference_is_relative_to_large_values(exported, digits, expected):
    big = np.abs(expected["logits"]) > 1
    other = np.where(big, 1.01 * expected["logits"], expected["logits"])
    found = largest_differences(
        str(exported.path), digits[0][:5], {**expected, "logits": other}
    )
    # |value - 1.01 value| / |1.01 value|
    assert found["serving_default"] == pytest.approx(0.01 / 1.01, rel=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"logits": np.full((5, 10), np.nan)},
        {"logits": np.zeros((5, 3))},
        {"scores": np.zeros((5, 10))},
    ],
    ids=["not a number", "other shape", "missing"],
)
def test_what_cannot_be_compared_is_infinitely_far(
    exported, digits, expected, changes
):
    found = largest_differences(
        str(exported.path), digits[0][:5], {**expected, **changes}
    )
    assert set(found.values()) == {math.inf}


def test_the_program_prints_json(exported, digits, expected, tmp_path, capsys):
    file = tmp_path / "examples.npz"
    np.savez(file, examples=digits[0][:5], **expected)
    main(str(exported.path), str(file))
    assert max(json.loads(capsys.readouterr().out).values()) <= 1e-5
