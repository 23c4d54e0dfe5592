"""Runs the workers of a job as processes of this machine (no TensorFlow).

It is our own because there is no torchrun for TensorFlow: a worker is a
process with TF_CONFIG set, and nothing restarts it when it dies.
"""

import contextlib
import dataclasses
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from subprocess import Popen

from keras_ptft import settings
from keras_ptft.errors import UserError
from keras_ptft.settings import setting
from keras_ptft.training.distribution.cluster import Cluster, split_hosts
from keras_ptft.training.distribution.processes import worker_processes

GRACE_SECONDS = 60.0
"""Time to save a checkpoint after a signal."""

_COMMANDS = ("run", "pretrain", "finetune")
_USER_ERROR = 2
_POLL_SECONDS = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """The settings of `keras-ptft launch`, checked when it is made.

    Raises:
        UserError: a value of the wrong type or out of its range.

    Example:

    >>> Job(workers=2).max_restarts
    3
    """

    workers: int = setting(
        2, "launch", "processes on this machine", low=1, high=64
    )
    hosts: str = setting(
        "",
        "launch",
        "host:port of each worker, as a:2222,b:2222: print what to start on "
        "each of these machines, and start nothing here",
    )
    max_restarts: int = setting(
        3, "launch", "how often all workers are restarted when one dies", low=0
    )

    def __post_init__(self) -> None:
        for field in JOB_FIELDS.values():
            settings.check(field, getattr(self, field.name))


JOB_FIELDS = {field.name: field for field in dataclasses.fields(Job)}


def launch(
    job: Job,
    command: Sequence[str],
    program: Sequence[str] = (sys.executable, "-m", "keras_ptft"),
) -> int:
    """Runs a command in every worker, or prints how to on other machines.

    Args:
        job: how many workers, and where.
        command: words of `keras-ptft`, as "run", "a.flags".
        program: what runs the command on this machine.

    Returns:
        0, or the exit code of the worker that failed in the last attempt;
        128 plus the signal's number if a signal ended it or the job.

    Raises:
        UserError: a command that does not train, or malformed hosts.
    """
    if not command or command[0] not in _COMMANDS:
        got = command[0] if command else "nothing"
        raise UserError(
            f"launch needs {', '.join(_COMMANDS)} and its words after --, got "
            f"{got}: keras-ptft launch --workers=2 -- run RECIPE..."
        )
    words = list(command)
    if not any(w.lstrip("-").partition("=")[0] == "strategy" for w in words):
        words.append("--strategy=multi_worker")
    if job.hosts:
        print(_instructions(split_hosts(job.hosts), words))
        return 0
    received: list[int] = []
    with contextlib.ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.signal(number, lambda n, _: received.append(n))
            stack.callback(signal.signal, number, handler)
        return _run(job, [*program, *words], received)


def _instructions(hosts: Sequence[str], words: Sequence[str]) -> str:
    """Returns a shell command for each machine."""
    lines = []
    first = Cluster(tuple(hosts), 0)
    for index, host in enumerate(hosts):
        config = dataclasses.replace(first, index=index).to_tf_config()
        line = f"TF_CONFIG={shlex.quote(config)} keras-ptft {shlex.join(words)}"
        lines += [f"# on {host.rpartition(':')[0]}", line]
    return "\n".join(lines)


def _run(job: Job, words: Sequence[str], received: Sequence[int]) -> int:
    """Runs the workers, and restarts them all when one has died."""
    for attempt in range(1, job.max_restarts + 2):
        with worker_processes(job.workers, words) as workers:
            codes = _wait(workers, received)
        if set(codes) == {0}:
            return 0
        if received:
            return 128 + received[0]
        index, code = _cause(codes)
        final = code == _USER_ERROR or attempt > job.max_restarts
        restart = f"restarting all ({attempt} of {job.max_restarts})"
        print(
            f"keras-ptft launch: worker {index} ended with code {code}: "
            f"{'stopping all' if final else restart}.",
            file=sys.stderr,
            flush=True,
        )
        if final:
            break
    return code


def _wait(
    workers: Sequence[Popen], received: Sequence[int]
) -> list[int | None]:
    """Waits until all workers have ended, or one has failed.

    After a signal, which is passed on, it waits for all, but no longer than
    saving a checkpoint may take.

    Returns:
        The exit codes as Popen has them; None: still running.
    """
    deadline, passed_on = float("inf"), 0
    while True:
        codes = [worker.poll() for worker in workers]
        over = (any(codes) and not received) or time.monotonic() > deadline
        if over or None not in codes:
            return codes
        for number in received[passed_on:]:
            for worker in workers:
                worker.send_signal(number)
            passed_on += 1
            deadline = time.monotonic() + GRACE_SECONDS
        time.sleep(_POLL_SECONDS)


def _cause(codes: Sequence[int | None]) -> tuple[int, int]:
    """Returns index and exit code of the worker that made the others fail.

    That is one that was killed, or else one with a user error, if there are
    any: the others fail because they lose a worker.
    """
    failed = [(index, code) for index, code in enumerate(codes) if code]
    index, code = min(failed, key=lambda f: (f[1] > 0, f[1] != _USER_ERROR))
    return index, 128 - code if code < 0 else code
