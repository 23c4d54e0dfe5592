"""Answers of the C API are compared part by part, up to the first fault.

Here by the library that this process has loaded already.
"""

import os

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.serving.verification.c_api_worker import compare
from keras_ptft.serving.verification.verify import cases_of

FOLDER = os.path.dirname(tf.__file__)


@pytest.fixture
def parts(digit_signatures, digits):
    """(changes, taken) → cases, then ten digits with each of the changes."""

    def parts(changes, taken):
        yield cases_of(digit_signatures)
        inputs = {"image": digits[0][:10]}
        (case,) = {c for c in digit_signatures[0].cases if len(c) > 1}
        for change in changes:
            taken.append(change)
            outputs = {name: rows[:10] for name, rows in case.outputs.items()}
            outputs["logits"] = change(outputs["logits"])
            yield {"serving_default": [[inputs, outputs]]}

    return parts


def test_parts_are_compared_up_to_a_fault(exported, parts):
    changes = [
        lambda logits: logits,
        # |value - expected| / max(1, |expected|) is 1, but for logits
        lambda logits: np.full_like(logits, 1e6),
        lambda logits: logits[:9],
        lambda logits: logits,
    ]
    taken = []
    found = compare(FOLDER, str(exported.path), parts(changes, taken))
    assert found["version"] == tf.__version__
    assert found["cases"].keys() == {"serving_default", "encoded_images"}
    assert max(found["cases"].values()) <= 1e-5
    assert found["more"] == {"serving_default": pytest.approx(1, rel=1e-3)}
    (fault,) = found["faults"]
    assert "'logits' has shape (10, 10), expected (9, 10)" in fault
    assert taken == changes[:3]


def test_the_first_fault_is_of_a_case(exported, parts):
    cases = next(parts([], []))
    found = compare(FOLDER, str(exported.path), iter([{**cases, "b": []}]))
    assert found["faults"] == ["signature 'b': it is not in the export"]
