"""Proves an export in TensorFlow without Python before it is published."""

import contextlib
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.registry import nearest
from keras_ptft.serving.signatures.arrays import expected_outputs
from keras_ptft.serving.signatures.intake import rows_of
from keras_ptft.serving.signatures.signature import Arrays, Case, Signature
from keras_ptft.serving.verification.c_api import find_libraries
from keras_ptft.serving.verification.c_api_process import Worker
from keras_ptft.serving.verification.cases import Cases
from keras_ptft.serving.verification.verify import cases_of, check_answers

INSTALLED = "c_api"
"""In place of a folder: the library of the TensorFlow that is installed."""
MAIN = "serving_default"
"""The signature that is proved on more than its cases."""
_REMEDY = "change the model, or leave this library out of --prove_with"


def prove(
    folder: pathlib.Path,
    signatures: Sequence[Signature],
    prove_with: str,
    requests: Iterable[Arrays] = (),
) -> dict[str, Any]:
    """Checks that TensorFlow's C API answers as the Keras model does.

    TensorFlow Serving loads exports as the C API does. Each library runs in
    a process of its own, to which requests go one by one.

    Args:
        folder: of the SavedModel.
        signatures: what it must answer, each with its cases.
        prove_with: INSTALLED or folders of unpacked TensorFlow wheels,
            commas between.
        requests: more inputs of MAIN, such as those of a test split.

    Returns:
        Library and version to `largest_difference` and `examples` of the
        cases, each by signature, and to `requests`: the `signature`, how
        many `examples` were compared, their `largest_difference`, and how
        many are `unsure`, with two labels that are as good as tied.

    Raises:
        UserError: a library is not there, or answers otherwise.
    """
    libraries = chosen_libraries(prove_with)
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(Worker(word, library, folder))
            for word, library in libraries.items()
        ]
        counts = _send(workers, signatures, requests) if workers else {}
        told = [_told(worker.result()) for worker in workers]
    examples = {s.name: max(map(len, s.cases)) for s in signatures}
    return {
        title: {
            "largest_difference": found["cases"],
            "examples": examples,
            "requests": {
                "signature": MAIN,
                **counts,
                "largest_difference": found["more"].get(MAIN, 0.0),
            },
        }
        for title, found in told
    }


def chosen_libraries(prove_with: str) -> dict[str, str]:
    """Returns the folders of TensorFlow's libraries that a setting names.

    Args:
        prove_with: as in `prove`.

    Returns:
        Word of the setting to a folder.

    Raises:
        UserError: a folder has no library.

    Example:

    >>> list(chosen_libraries("c_api"))
    ['c_api']
    """
    words = filter(None, map(str.strip, prove_with.split(",")))
    return {word: _library(word) for word in words}


def _library(word: str) -> str:
    if word == INSTALLED:
        return os.path.dirname(tf.__file__)
    if not os.path.isdir(word):
        raise UserError(
            f"--prove_with must name {INSTALLED} or the folder of an unpacked "
            f"TensorFlow wheel, got {word!r}{nearest(word, [INSTALLED])}; "
            "--formats is for other runtimes."
        )
    find_libraries(word)
    return os.path.abspath(word)


def _send(
    workers: Sequence[Worker],
    signatures: Sequence[Signature],
    requests: Iterable[Arrays],
) -> dict[str, int]:
    """Sends the cases, then requests; returns how many examples these are."""
    counts = {"examples": 0, "unsure": 0}
    by_name = {signature.name: signature for signature in signatures}
    if not _to_all(workers, cases_of(signatures)):
        return counts
    for inputs in requests:
        found = _expected(by_name[MAIN], inputs)
        counts["examples"] += len(found)
        counts["unsure"] += len(next(iter(inputs.values()))) - len(found)
        part = {MAIN: [[found.inputs, found.outputs]]}
        if len(found) and not _to_all(workers, part):
            break
    return counts


def _to_all(workers: Sequence[Worker], cases: Cases) -> bool:
    """Whether all of them take more."""
    taking = [worker.send(cases) for worker in workers]
    return all(taking)


def _expected(signature: Signature, inputs: Arrays) -> Case:
    """What the Keras model answers, without rows that prove nothing."""
    outputs = expected_outputs(signature.function, inputs)
    sure = np.flatnonzero(~signature.is_unsure(outputs))
    return rows_of(Case(inputs, outputs), sure)


def _told(found: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The title of a library, and what was found, if it is all right."""
    title = f"TensorFlow's C API {found['version']}"
    worst = dict(found["cases"])
    for name, value in found["more"].items():
        worst[name] = max(value, worst[name])
    check_answers(title, worst, found["faults"], (_REMEDY, _REMEDY))
    return title, found
