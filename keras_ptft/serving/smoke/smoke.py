"""Starts a server on an export and compares what it answers."""

import contextlib
import os
import sys
from collections.abc import Sequence

from keras_ptft.errors import UserError
from keras_ptft.serving.bundle.warmup import WARMUP_FILE
from keras_ptft.serving.export import EXTRA
from keras_ptft.serving.smoke.clients import CLIENTS
from keras_ptft.serving.smoke.programs import chosen
from keras_ptft.serving.smoke.replay import Trial, replay
from keras_ptft.serving.smoke.serve import versions_folder
from keras_ptft.serving.smoke.server import running
from keras_ptft.serving.smoke.settings import ServeConfig
from keras_ptft.serving.versioning.versions import versions

_WRONG = 1
_TABLE = "{:18} {:>5}  {:4} {:>10} {:>9} {:>9}  {:>8}"
_HEADING = (
    *("signature", "batch", "by", "difference"),
    *("p50 ms", "p99 ms", "requests"),
)


def smoke(path: str | os.PathLike, config: ServeConfig) -> int:
    """Serves an export, compares the answers, and stops the server.

    Prints a line for each request of the warm-up and each way to ask. Times
    are those of a client on the same machine, with what it takes to write
    and read a message.

    Call it from the main thread, which receives the signals.

    Args:
        path: folder of its versions.
        config: what serves, the ports, and how long loading may take.

    Returns:
        0, or 1 if an answer is wrong.

    Raises:
        UserError: no export, no warm-up in it, no program that serves it, or
            the server ended.
    """
    base = versions_folder(path)
    _check_warmup(versions(base)[-1])
    program = chosen(config.server)
    with (
        running(base, config, program) as server,
        contextlib.ExitStack() as stack,
    ):
        version = server.wait_until_available(config.timeout)
        folder = base / str(version)
        _check_warmup(folder)
        print(f"Version {version} of {os.fspath(path)}, as it is served:\n")
        clients = {
            name: stack.enter_context(CLIENTS[name](server.address, version))
            for name in program.speaks()
        }
        return _told(list(replay(folder, clients)))


def _told(trials: Sequence[Trial]) -> int:
    """Prints how a server answered, and returns the exit code."""
    print(_TABLE.format(*_HEADING))
    for trial in trials:
        if trial.seconds:
            print(_row(trial))
    faults = [trial for trial in trials if trial.fault]
    for trial in faults:
        print(
            f"keras-ptft: signature {trial.signature!r} by {trial.client} at "
            f"batch {trial.batch}: {trial.fault}.",
            file=sys.stderr,
        )
    if not faults:
        print("\nAll answers are right.")
    return _WRONG if faults else 0


def _row(trial: Trial) -> str:
    return _TABLE.format(
        trial.signature,
        trial.batch,
        trial.client,
        f"{trial.difference:.1e}",
        f"{trial.milliseconds(50):.2f}",
        f"{trial.milliseconds(99):.2f}",
        len(trial.seconds),
    )


def _check_warmup(folder: os.PathLike) -> None:
    file = os.path.join(folder, EXTRA, WARMUP_FILE)
    if not os.path.isfile(file):
        raise UserError(
            f"Expected requests to try in {file}, got no such file: export "
            "with --warmup_batches=1,32."
        )
