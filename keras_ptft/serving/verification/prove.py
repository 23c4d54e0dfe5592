"""Proves an export in other runtimes before it is published."""

import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from keras_ptft.errors import UserError
from keras_ptft.serving.signatures.signature import Signature
from keras_ptft.serving.verification.cases import write_cases
from keras_ptft.serving.verification.runtimes import Runtime, runtime_of
from keras_ptft.serving.verification.verify import cases_of, worker_environment

_LOG = logging.getLogger("keras_ptft")
_WORKER = "keras_ptft.serving.verification.runtime_worker"


def prove(
    folder: pathlib.Path, signatures: Sequence[Signature], runtimes: str
) -> dict[str, Any]:
    """Checks that an export answers every case in other runtimes too.

    Each runs in a fresh process. Signatures that a runtime cannot run are
    left out, and the log says so.

    Args:
        folder: of the SavedModel.
        signatures: what it must answer, each with its cases.
        runtimes: names in RUNTIMES or folders of unpacked TensorFlow
            wheels, commas between.

    Returns:
        Runtime and version to `largest_difference`, `examples` and
        `left_out`, each by signature.

    Raises:
        UserError: an unknown runtime, or one that answers otherwise.
    """
    asked = check_runtimes(runtimes)
    told: dict[str, Any] = {}
    if not asked:
        return told
    with tempfile.TemporaryDirectory() as temporary:
        file = os.path.join(temporary, "cases.npz")
        write_cases(file, cases_of(signatures))
        for word, runtime in asked.items():
            found = _run_worker(word, runtime, folder, file)
            _check(runtime, found)
            told[f"{runtime.title} {found['version']}"] = {
                "largest_difference": found["differences"],
                "examples": _examples(signatures, found["differences"]),
                "left_out": found["left_out"],
            }
    return told


def check_runtimes(runtimes: str) -> dict[str, Runtime]:
    """Returns the runtimes that a setting names, by their names there.

    Args:
        runtimes: as in `prove`.

    Raises:
        UserError: one is unknown or not installed.

    Example:

    >>> list(check_runtimes("c_api"))
    ['c_api']
    """
    words = filter(None, map(str.strip, runtimes.split(",")))
    return {word: runtime_of(word) for word in words}


def _run_worker(
    word: str, runtime: Runtime, folder: pathlib.Path, file: str
) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", _WORKER, word, os.fspath(folder), file],
        env=worker_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(
            f"{runtime.title} ({word}) ended with code {done.returncode} "
            f"on the export: {last}: nothing was published; leave it out of "
            "--prove_with, or mend it."
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _check(runtime: Runtime, found: dict[str, Any]) -> None:
    """Raises a UserError if a runtime answers otherwise."""
    if found["faults"]:
        raise UserError(
            f"{runtime.title} does not answer as the Keras model: "
            f"{'; '.join(found['faults'])}: nothing was published; change "
            "the model, or leave the runtime out of --prove_with."
        )
    title = f"{runtime.title} {found['version']}"
    for name, difference in found["differences"].items():
        if difference > runtime.tolerance:
            raise UserError(
                f"{title} differs from the Keras model by {difference:.2g} "
                f"in {name!r}, expected at most {runtime.tolerance:g}: "
                "nothing was published; change the model, or leave the "
                "runtime out of --prove_with."
            )
    for name, reason in found["left_out"].items():
        _LOG.warning("%s does not prove %r: %s.", title, name, reason)


def _examples(
    signatures: Sequence[Signature], proved: dict[str, float]
) -> dict[str, int]:
    """How many examples a signature was proved with."""
    return {
        signature.name: max(
            len(next(iter(case.inputs.values()))) for case in signature.cases
        )
        for signature in signatures
        if signature.name in proved
    }
