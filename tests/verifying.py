"""Verifies exports in processes that have TensorFlow imported already.

The program starts a fresh one for each export, which imports TensorFlow for
longer than it verifies. What it does there is the same.
"""

import os
import pathlib
import subprocess

from keras_ptft.serving.verification import worker
from tests.forked import forked


def run(
    command: list[str], **_settings: object
) -> subprocess.CompletedProcess[str]:
    """Runs the command of a verification as `subprocess.run` does."""
    *_, export, file = command
    # what it prints is put beside, and removed with the cases
    folder = pathlib.Path(file).with_name("verification")
    folder.mkdir()
    code, told = forked(
        worker.main, os.path.abspath(export), file, folder=folder
    )
    return subprocess.CompletedProcess(command, code or 0, told, told)
