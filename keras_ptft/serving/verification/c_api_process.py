"""A process in which TensorFlow's C API answers."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import IO, Any, cast

from keras_ptft.errors import UserError
from keras_ptft.serving.processes import worker_environment
from keras_ptft.serving.verification.cases import Cases
from keras_ptft.serving.verification.stream import send

_WORKER = "keras_ptft.serving.verification.c_api_worker"


class Worker:
    """Compares an export with cases, in a process that ends with the block.

    Args:
        word: what messages call the library.
        library: its folder.
        folder: of the SavedModel.
    """

    def __init__(self, word: str, library: str, folder: pathlib.Path) -> None:
        self._word = word
        # not a pipe, which would be full before anybody reads it
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", _WORKER, library, os.fspath(folder)],
            env=worker_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def send(self, cases: Cases) -> bool:
        """Sends a part of the cases; it waits until the last one is read.

        Args:
            cases: the first time of every signature.

        Returns:
            Whether it takes more: it ends at the first fault.
        """
        try:
            send(cast(IO[bytes], self._process.stdin), cases)
        except BrokenPipeError:
            return False
        return True

    def result(self) -> dict[str, Any]:
        """Returns what `c_api_worker.compare` does, after the last part.

        Raises:
            UserError: the process crashed.
        """
        printed, _ = self._process.communicate()
        if self._process.returncode:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").splitlines()
            last = next(filter(None, map(str.strip, reversed(lines))), "")
            raise UserError(
                f"TensorFlow's C API ({self._word}) ended with code "
                f"{self._process.returncode} on the export: "
                f"{last or 'no reason given'}: nothing was published; leave "
                "it out of --prove_with, or mend it."
            )
        found: dict[str, Any] = json.loads(printed.splitlines()[-1])
        return found
