"""Verifies an export in a fresh process before it is published."""

import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from keras_ptft.errors import UserError
from keras_ptft.serving.processes import worker_environment
from keras_ptft.serving.signatures.signature import Signature
from keras_ptft.serving.verification.cases import Cases, write_cases

TOLERANCE = 1e-5

_LOG = logging.getLogger("keras_ptft")
_REMEDIES = (
    "correct the signature or its cases",
    "look for a layer that is random or differs when it serves",
)


def verify(
    folder: pathlib.Path, signatures: Sequence[Signature]
) -> dict[str, float]:
    """Checks that an export answers every case as expected.

    Numbers may differ by 1e-5 times max(1, |expected|); strings, integers,
    shapes and the names of inputs and outputs must be the same.

    Args:
        folder: of the SavedModel.
        signatures: what it must answer, each with its cases.

    Returns:
        Signature name to the largest |value - expected| / max(1,
        |expected|).

    Raises:
        UserError: an answer differs, or a signature has no case.
    """
    rows = sum(len(case) for each in signatures for case in each.cases)
    _LOG.info(
        "Loading them in a fresh process, to compare %s answers with the "
        "model's.",
        f"{rows:,}",
    )
    with tempfile.TemporaryDirectory() as temporary:
        file = os.path.join(temporary, "cases.npz")
        write_cases(file, cases_of(signatures))
        differences, faults = _run_worker(folder, file)
    check_answers("The export", differences, faults, _REMEDIES)
    return differences


def check_answers(
    title: str,
    differences: Mapping[str, float],
    faults: Sequence[str],
    remedies: tuple[str, str],
) -> None:
    """Raises a UserError if answers are not those of the Keras model.

    Args:
        title: what answers.
        differences: of signatures by name, as `cases.compare` returns them.
        faults: of other signatures, likewise.
        remedies: of faults, and of numbers that differ by over TOLERANCE.
    """
    of_faults, of_numbers = remedies
    if faults:
        raise UserError(
            f"{title} does not answer as the Keras model: "
            f"{'; '.join(faults)}: nothing was published; {of_faults}."
        )
    worst = max(differences, key=differences.__getitem__)
    if differences[worst] > TOLERANCE:
        raise UserError(
            f"{title} differs from the Keras model by "
            f"{differences[worst]:.2g} in {worst!r}, expected at most "
            f"{TOLERANCE:g}: nothing was published; {of_numbers}."
        )


def cases_of(signatures: Sequence[Signature]) -> Cases:
    """Returns the cases of signatures as they are written."""
    return {
        signature.name: [
            [case.inputs, case.outputs] for case in signature.cases
        ]
        for signature in signatures
    }


def _run_worker(
    folder: pathlib.Path, file: str
) -> tuple[dict[str, float], list[str]]:
    command = [sys.executable, "-m", "keras_ptft.serving.verification.worker"]
    done = subprocess.run(
        [*command, os.fspath(folder), file],
        env=worker_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"The export cannot be loaded:\n{done.stderr}")
    differences, faults = json.loads(done.stdout.splitlines()[-1])
    return differences, faults
