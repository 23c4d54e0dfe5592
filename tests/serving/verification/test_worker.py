import json
import re

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.serving.signatures.signature import Signature, write_saved_model
from keras_ptft.serving.verification.cases import write_cases
from keras_ptft.serving.verification.worker import compare, main

INPUTS = {
    "x": np.array([[1.0, -2.0], [300.0, 0.5]], np.float32),
    "word": np.array([b"\xff\0", "猫".encode()], object),
}
OUTPUTS = {
    "double": 2 * INPUTS["x"],
    "length": np.array([2, 3], np.int32),
    "word": INPUTS["word"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An export with two signatures, `serving_default` and `root`."""
    specs = {
        "x": tf.TensorSpec((None, 2), tf.float32),
        "word": tf.TensorSpec((None,), tf.string),
    }

    def function(x, word):
        length = tf.strings.length(word)
        return {"double": 2 * x, "length": length, "word": word}

    folder = tmp_path_factory.mktemp("export")
    signatures = [
        Signature("serving_default", function, specs, ()),
        Signature(
            "root",
            lambda x: {"root": tf.sqrt(x)},
            {"x": tf.TensorSpec((None,), tf.float32)},
            (),
        ),
    ]
    write_saved_model(folder, signatures)
    return folder


def cases(inputs=INPUTS, **changes):
    outputs = {k: v for k, v in {**OUTPUTS, **changes}.items() if v is not None}
    one = {"x": np.ones(2, np.float32)}, {"root": np.ones(2, np.float32)}
    return {
        "serving_default": [(INPUTS, OUTPUTS), (inputs, outputs)],
        "root": [one],
    }


def test_what_is_equal_differs_by_nothing(folder):
    found, faults = compare(folder, cases())
    assert (set(found.values()), faults) == ({0.0}, [])


def test_a_difference_is_relative_to_large_values(folder):
    other = OUTPUTS["double"] * np.array([[1, 1], [1.01, 1]])
    found, faults = compare(folder, cases(double=other.astype(np.float64)))
    assert not faults and found["root"] == 0
    # |600 - 606| / 606
    assert found["serving_default"] == pytest.approx(6 / 606, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"double": np.ones((1, 2))}, r"shape \(2, 2\), expected \(1, 2\)"),
        ({"double": OUTPUTS["double"] * np.nan}, "'double' holds NaN"),
        ({"double": OUTPUTS["length"]}, "'double' has shape"),
        ({"length": np.array([2, 4])}, "'length' holds 3, expected 4"),
        ({"word": INPUTS["word"][::-1]}, r"'word' holds b'\\xff\\x00'"),
        ({"word": None}, "output 'word' is in no case"),
        ({"label": OUTPUTS["word"]}, "output 'label' is missing"),
        ({"inputs": {"x": INPUTS["x"]}}, "input 'word' is in no case"),
        ({"inputs": {**INPUTS, "y": INPUTS["x"]}}, "input 'y' is missing"),
    ],
)
def test_other_faults_are_named(folder, changes, fault):
    differences, (found,) = compare(folder, cases(**changes))
    assert differences == {"root": 0.0}
    assert found.startswith("signature 'serving_default': ")
    assert re.search(fault, found)


def test_every_signature_needs_a_case(folder):
    some = cases()
    del some["root"]
    some["none"] = some["serving_default"]
    differences, faults = compare(folder, some)
    assert differences == {"serving_default": 0.0}
    assert faults == [
        "signature 'none': it is not in the export",
        "signature 'root': no case verifies it",
    ]


def test_the_program_prints_json(folder, tmp_path, capsys):
    write_cases(tmp_path / "cases.npz", cases())
    main(str(folder), str(tmp_path / "cases.npz"))
    found = json.loads(capsys.readouterr().out)
    assert found == [{"serving_default": 0.0, "root": 0.0}, []]
