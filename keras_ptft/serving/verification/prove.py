"""Proves an export in TensorFlow without Python before it is published."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.registry import nearest
from keras_ptft.serving.signatures.signature import Signature
from keras_ptft.serving.verification.c_api import find_libraries
from keras_ptft.serving.verification.cases import write_cases
from keras_ptft.serving.verification.verify import (
    cases_of,
    check_answers,
    worker_environment,
)

INSTALLED = "c_api"
"""In place of a folder: the library of the TensorFlow that is installed."""
_REMEDY = "change the model, or leave this library out of --prove_with"
_WORKER = "keras_ptft.serving.verification.c_api_worker"


def prove(
    folder: pathlib.Path, signatures: Sequence[Signature], prove_with: str
) -> dict[str, Any]:
    """Checks that TensorFlow's C API answers every case of an export too.

    TensorFlow Serving loads exports as the C API does. Each library runs in
    a fresh process.

    Args:
        folder: of the SavedModel.
        signatures: what it must answer, each with its cases.
        prove_with: INSTALLED or folders of unpacked TensorFlow wheels,
            commas between.

    Returns:
        Library and version to `largest_difference` and `examples`, each by
        signature.

    Raises:
        UserError: a library is not there, or answers otherwise.
    """
    libraries = chosen_libraries(prove_with)
    told: dict[str, Any] = {}
    if not libraries:
        return told
    with tempfile.TemporaryDirectory() as temporary:
        file = os.path.join(temporary, "cases.npz")
        write_cases(file, cases_of(signatures))
        for word, library in libraries.items():
            version, differences, faults = _run_worker(
                word, library, os.fspath(folder), file
            )
            title = f"TensorFlow's C API {version}"
            check_answers(title, differences, faults, (_REMEDY, _REMEDY))
            told[title] = {
                "largest_difference": differences,
                "examples": {
                    s.name: max(map(len, s.cases)) for s in signatures
                },
            }
    return told


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


def _run_worker(
    word: str, *arguments: str
) -> tuple[str, dict[str, float], list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", _WORKER, *arguments],
        env=worker_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(
            f"TensorFlow's C API ({word}) ended with code {done.returncode} "
            f"on the export: {last}: nothing was published; leave it out of "
            "--prove_with, or mend it."
        )
    version, differences, faults = json.loads(done.stdout.splitlines()[-1])
    return version, differences, faults
