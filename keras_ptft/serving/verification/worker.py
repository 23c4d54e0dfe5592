"""Calls every signature of an export and compares it with its cases.

`verify` runs this in a fresh process, where none of the model's Python code
is loaded: what is compared is what TensorFlow Serving will load.

    python -m keras_ptft.serving.verification.worker EXPORT CASES.npz
"""

import json
import os
import reprlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Arrays = Mapping[str, np.ndarray]
Cases = Mapping[str, Sequence[Sequence[Arrays]]]
"""Signature name to [inputs, expected outputs] of each case."""


class Mismatch(Exception):
    """An export differs in something else than the size of a number."""


def write_cases(path: str | os.PathLike, cases: Cases) -> None:
    """Writes cases to an npz file, an array for every input and output.

    Args:
        path: of the file.
        cases: arrays of numbers or of strings of any bytes.
    """
    is_string = tf.nest.map_structure(lambda x: x.dtype.kind in "OSU", cases)
    arrays = tf.nest.map_structure(
        lambda array, packs: _packed(array) if packs else array,
        cases,
        is_string,
    )
    np.savez(path, json.dumps(is_string), *tf.nest.flatten(arrays))


def read_cases(path: str | os.PathLike) -> Cases:
    """Returns what `write_cases` wrote."""
    with np.load(path, allow_pickle=False) as file:
        text, *arrays = file.values()
    is_string = json.loads(str(text))
    return tf.nest.map_structure(
        lambda array, packed: _unpacked(array) if packed else array,
        tf.nest.pack_sequence_as(is_string, arrays),
        is_string,
    )


def compare(
    folder: str | os.PathLike, cases: Cases
) -> tuple[dict[str, float], list[str]]:
    """Compares every signature of an export with every one of its cases.

    Args:
        folder: of a SavedModel.
        cases: of every signature.

    Returns:
        Signature name to its largest |value - expected| / max(1,
        |expected|); and for each signature with another fault, which is
        not among them, a sentence that says what it is.
    """
    loaded = tf.saved_model.load(os.fspath(folder))
    differences, faults = {}, []
    for name in sorted({*loaded.signatures, *cases}):
        try:
            if name not in loaded.signatures:
                raise Mismatch("it is not in the export")
            if not cases.get(name):
                raise Mismatch("no case verifies it")
            differences[name] = max(
                _difference(loaded.signatures[name], *case)
                for case in cases[name]
            )
        except Mismatch as error:
            faults.append(f"signature {name!r}: {error}")
    return differences, faults


def _difference(signature: Any, inputs: Arrays, expected: Arrays) -> float:
    specs = signature.structured_input_signature[1]
    _check_names("input", specs, inputs)
    outputs = signature(
        **{
            name: tf.constant(inputs[name], spec.dtype)
            for name, spec in specs.items()
        }
    )
    _check_names("output", outputs, expected)
    return max(
        _distance(name, outputs[name].numpy(), values)
        for name, values in expected.items()
    )


def _check_names(
    kind: str, found: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    for names, fault in (
        (expected.keys() - found.keys(), "is missing from the export"),
        (found.keys() - expected.keys(), "is in no case"),
    ):
        if names:
            raise Mismatch(f"{kind} {min(names)!r} {fault}")


def _distance(name: str, values: np.ndarray, expected: np.ndarray) -> float:
    shapes = values.shape, expected.shape
    if shapes[0] != shapes[1]:
        raise Mismatch(
            f"output {name!r} has shape {shapes[0]}, expected {shapes[1]}"
        )
    if {values.dtype.kind, expected.dtype.kind} != {"f"}:
        flat = values.ravel().tolist(), expected.ravel().tolist()
        for value, wanted in zip(*flat, strict=True):
            if value != wanted:
                raise Mismatch(
                    f"output {name!r} holds {reprlib.repr(value)}, expected "
                    f"{reprlib.repr(wanted)}"
                )
        return 0.0
    distances = np.abs(values - expected) / np.maximum(1, np.abs(expected))
    if not np.isfinite(distances).all():
        raise Mismatch(f"output {name!r} holds NaN or infinity")
    return float(distances.max(initial=0.0))


def _packed(strings: np.ndarray) -> np.ndarray:
    """Strings of any bytes as uint8: npz files hold no objects."""
    coded = tf.io.serialize_tensor(tf.constant(strings, tf.string))
    return np.frombuffer(coded.numpy(), np.uint8)


def _unpacked(array: np.ndarray) -> np.ndarray:
    return tf.io.parse_tensor(array.tobytes(), tf.string).numpy()


def main(folder: str, file: str) -> None:
    """Prints what `compare` returns, as JSON on one line.

    Args:
        folder: of a SavedModel.
        file: of the cases, as `write_cases` writes them.
    """
    print(json.dumps(compare(folder, read_cases(file))))


if __name__ == "__main__":
    main(*sys.argv[1:])
