"""Calls every signature of an export and compares it with its cases.

`verify` runs this in a fresh process, where none of the model's Python code
is loaded: what is compared is what TensorFlow Serving will load.

    python -m keras_ptft.serving.verification.worker EXPORT CASES.npz
"""

import json
import os
import sys
from functools import partial
from typing import Any

import tensorflow as tf

from keras_ptft.serving.verification.cases import (
    Arrays,
    Cases,
    check_names,
    largest_differences,
    read_cases,
)


def compare(
    folder: str | os.PathLike, cases: Cases
) -> tuple[dict[str, float], list[str]]:
    """Compares every signature of an export with every one of its cases.

    Args:
        folder: of a SavedModel.
        cases: of every signature.

    Returns:
        As `cases.largest_differences`.
    """
    loaded = tf.saved_model.load(os.fspath(folder))
    answers = {
        name: partial(_answer, signature)
        for name, signature in loaded.signatures.items()
    }
    return largest_differences(answers, cases)


def _answer(signature: Any, inputs: Arrays) -> Arrays:
    specs = signature.structured_input_signature[1]
    check_names("input", specs, inputs)
    outputs = signature(
        **{
            name: tf.constant(inputs[name], spec.dtype)
            for name, spec in specs.items()
        }
    )
    return {name: values.numpy() for name, values in outputs.items()}


def main(folder: str, file: str) -> None:
    """Prints what `compare` returns, as JSON on one line.

    Args:
        folder: of a SavedModel.
        file: of the cases, as `write_cases` writes them.
    """
    print(json.dumps(compare(folder, read_cases(file))))


if __name__ == "__main__":
    main(*sys.argv[1:])
