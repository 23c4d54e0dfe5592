"""Cases of an export in a file, and how far answers are from them.

No TensorFlow here: exports are also compared in processes that load the
library of another one.
"""

import json
import os
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

import numpy as np

Arrays = Mapping[str, np.ndarray]
Cases = Mapping[str, Sequence[Sequence[Arrays]]]
"""Signature name to [inputs, expected outputs] of each case."""
File = str | os.PathLike | IO[bytes]
Answer = Callable[[Arrays], Arrays]
"""Inputs of a signature by name → its outputs by name."""


class Mismatch(Exception):
    """An export differs in something else than the size of a number."""


def write_cases(file: File, cases: Cases) -> None:
    """Writes cases to an npz file.

    An array of numbers is one array of the file. Strings are two, since npz
    files hold no objects: their lengths, and all their bytes in a row.

    Args:
        file: its path, or where it goes.
        cases: arrays of numbers or of strings of any bytes.
    """
    arrays: list[np.ndarray] = []

    def place(array: np.ndarray) -> tuple[int, int]:
        start = len(arrays)
        arrays.extend(_packed(array))
        return start, len(arrays)

    places = _mapped(place, cases)
    np.savez(file, np.array(json.dumps(places)), *arrays)


def read_cases(file: File) -> Cases:
    """Returns what `write_cases` wrote."""
    with np.load(file, allow_pickle=False) as stored:
        text, *arrays = stored.values()
    places = json.loads(str(text))
    return _mapped(lambda place: _unpacked(*arrays[slice(*place)]), places)


def largest_differences(
    answers: Mapping[str, Answer], cases: Cases
) -> tuple[dict[str, float], list[str]]:
    """Compares every signature with every one of its cases.

    Args:
        answers: what computes each signature; it may raise Mismatch.
        cases: of every signature.

    Returns:
        Signature name to its largest |value - expected| / max(1,
        |expected|); and for each signature with another fault, which is
        not among them, a sentence that says what it is.
    """
    differences, faults = {}, []
    for name in sorted({*answers, *cases}):
        try:
            if name not in answers:
                raise Mismatch("it is not in the export")
            if not cases.get(name):
                raise Mismatch("no case verifies it")
            differences[name] = max(
                _difference(answers[name], *case) for case in cases[name]
            )
        except Mismatch as error:
            faults.append(f"signature {name!r}: {error}")
    return differences, faults


def check_names(
    kind: str, found: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    """Raises a Mismatch unless an export has the inputs or outputs of a case.

    Args:
        kind: "input" or "output".
        found: of the export, by name.
        expected: of the case, by name.
    """
    for names, fault in (
        (expected.keys() - found.keys(), "is missing from the export"),
        (found.keys() - expected.keys(), "is in no case"),
    ):
        if names:
            raise Mismatch(f"{kind} {min(names)!r} {fault}")


def _difference(answer: Answer, inputs: Arrays, expected: Arrays) -> float:
    outputs = answer(inputs)
    check_names("output", outputs, expected)
    return max(
        distance(name, outputs[name], values)
        for name, values in expected.items()
    )


def distance(name: str, values: np.ndarray, expected: np.ndarray) -> float:
    """Computes the largest |value - expected| / max(1, |expected|).

    Args:
        name: of the output.
        values: that were answered.
        expected: in their place.

    Raises:
        Mismatch: another shape, other strings or whole numbers, or a number
            that is not finite.
    """
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
    # infinity less infinity
    with np.errstate(invalid="ignore"):
        distances = np.abs(values - expected) / np.maximum(1, np.abs(expected))
    if not np.isfinite(distances).all():
        raise Mismatch(f"output {name!r} holds NaN or infinity")
    return float(distances.max(initial=0.0))


def _mapped(function: Callable[[Any], Any], cases: Any) -> Any:
    """The cases with the result of a function in place of each array."""
    return {
        name: [
            [{k: function(v) for k, v in part.items()} for part in case]
            for case in found
        ]
        for name, found in cases.items()
    }


def _packed(array: np.ndarray) -> list[np.ndarray]:
    if array.dtype.kind not in "OSU":
        return [array]
    texts = [
        text.encode() if isinstance(text, str) else text
        for text in array.ravel().tolist()
    ]
    lengths = np.array([len(text) for text in texts], np.int64)
    joined = np.array(bytearray(b"".join(texts)), np.uint8)
    return [lengths.reshape(array.shape), joined]


def _unpacked(
    values: np.ndarray, joined: np.ndarray | None = None
) -> np.ndarray:
    if joined is None:
        return values
    ends, data = np.cumsum(values), joined.tobytes()
    texts = [
        data[end - length : end]
        for end, length in zip(ends, values.ravel(), strict=True)
    ]
    return np.array(texts, object).reshape(values.shape)
