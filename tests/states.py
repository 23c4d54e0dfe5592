"""Waiting for the states of other processes, never for a time.

The only clock is a guard against a hang, far beyond what any machine needs.
"""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

HANG_SECONDS = 300.0


def wait_until(
    condition: Callable[[], bool], process: subprocess.Popen | None = None
) -> None:
    """Waits until a condition holds.

    Args:
        condition: of what other processes or threads have done.
        process: must not end before, if given.
    """
    deadline = time.monotonic() + HANG_SECONDS
    while not condition():
        assert process is None or process.poll() is None, "it ended too soon"
        assert time.monotonic() < deadline, "it hangs"
        time.sleep(0.01)


@contextlib.contextmanager
def started(words: list[str], **settings: object) -> Iterator[subprocess.Popen]:
    """Yields a process with its output in pipes, killed if it hangs."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(words, text=True, **pipes | settings) as process:
        guard = threading.Timer(HANG_SECONDS, process.kill)
        guard.start()
        try:
            yield process
        finally:
            guard.cancel()
            process.kill()
