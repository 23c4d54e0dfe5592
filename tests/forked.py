"""Runs functions in processes that have imported the program already.

To import TensorFlow takes longer than most of what a test does in a process
of its own. So these are forked from one that has imported it, and has used
nothing of it: what was used before a fork cannot be used after it.
"""

import faulthandler
import multiprocessing
import os
import pathlib
import sys
from collections.abc import Callable

from tests.conftest import ROOT

# libraries of macOS may not be used after a fork
_CONTEXT = multiprocessing.get_context(
    "spawn" if sys.platform == "darwin" else "forkserver"
)
_CONTEXT.set_forkserver_preload(
    [
        "keras_ptft.main",
        "keras_ptft.experiment.stages",
        "keras_ptft.evaluation.report.report",
        "keras_ptft.serving.export",
        "keras_ptft.training.fit",
        "sklearn.linear_model",
    ]
)


def forked(
    function: Callable[..., int],
    *given: object,
    folder: pathlib.Path,
    timeout: float | None = None,
) -> tuple[int | None, str]:
    """Calls a function of a module in a process of its own.

    Args:
        function: returns the exit code.
        given: its arguments.
        folder: in which it runs; what is printed is put beside it.
        timeout: seconds after which the process is killed.

    Returns:
        The exit code, which is negative after a signal, and what the
        process printed, errors and all.
    """
    told = folder.with_name(f"{folder.name}.told")
    process = _CONTEXT.Process(
        target=_called, args=(function, given, str(folder), str(told))
    )
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode, told.read_text("utf-8", errors="replace")


def _called(
    function: Callable[..., int],
    given: tuple[object, ...],
    folder: str,
    told: str,
) -> None:
    with open(told, "w", encoding="utf-8") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    faulthandler.enable()
    # a killed process leaves what it wrote: only a power cut would not
    os.fsync = id
    os.chdir(folder)
    # of the processes that it starts itself
    os.environ["PYTHONPATH"] = str(ROOT)
    sys.exit(function(*given))
