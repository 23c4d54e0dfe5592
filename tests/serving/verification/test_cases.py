"""Cases go through a file that needs no TensorFlow to be read."""

import subprocess
import sys

import numpy as np
import pytest

from keras_ptft.serving.verification.cases import (
    largest_differences,
    read_cases,
    write_cases,
)

ARRAYS = {
    "numbers": np.array([[1.5, -2.0], [np.nan, 0.0]], np.float32),
    "whole": np.array(7, np.int64),
    "none": np.zeros((0, 3), np.uint8),
    "bytes": np.array([[b"\xff\0"], [b""], ["猫".encode() * 99]], object),
    "text": np.array(["猫", "cat"]),
    "fixed": np.array([b"ab", b"c"]),
    "no text": np.array([], object),
}


def test_cases_survive_a_file(tmp_path):
    cases = {"a/b": [[ARRAYS, {}], [{}, ARRAYS]], "empty": []}
    write_cases(tmp_path / "cases.npz", cases)
    found = read_cases(tmp_path / "cases.npz")
    assert list(found) == ["a/b", "empty"] and found["empty"] == []
    (first, last), (no_inputs, outputs) = found["a/b"]
    assert (last, no_inputs) == ({}, {})
    for part in (first, outputs):
        assert list(part) == list(ARRAYS)
        assert part["text"].tolist() == ["猫".encode(), b"cat"]
        for name in sorted(ARRAYS.keys() - {"text"}):
            np.testing.assert_array_equal(part[name], ARRAYS[name])
            assert part[name].shape == ARRAYS[name].shape
        assert part["whole"].dtype == np.int64


def test_answers_are_compared_by_name():
    cases = {"twice": [[{"x": np.array([2.0, 300.0])}, {"y": np.ones(2)}]]}

    def twice(inputs):
        return {"y": inputs["x"] / [2.0, 200.0]}

    # |1.5 - 1| / max(1, |1|)
    assert largest_differences({"twice": twice}, cases) == ({"twice": 0.5}, [])


@pytest.mark.parametrize("module", ["c_api_worker", "cases"])
def test_other_processes_import_no_tensorflow(module):
    code = (
        f"import sys, keras_ptft.serving.verification.{module};"
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")
