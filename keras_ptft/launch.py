"""The workers of a job as processes of this machine (no TensorFlow)."""

import contextlib
import dataclasses
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from typing import IO

from keras_ptft import settings
from keras_ptft.errors import UserError
from keras_ptft.settings import setting
from keras_ptft.training.distribution.cluster import Cluster, split_hosts

_TOGETHER = ("run", "pretrain", "finetune")
# ends all groups of processes it was told when the process that tells it
# ends in whatever way, and removes the folder once none writes there
_GUARD = """
while read -r group; do groups="$groups -$group"; done
kill -s KILL -- $groups
for attempt in 1 2 3 4 5 6 7 8 9; do
  rm -rf "$0" && break
  sleep 1
done
"""
_USER_ERROR = 2
# to save a checkpoint when asked to stop
_GRACE_SECONDS = 60.0
_POLL_SECONDS = 0.1
_PRINTING = threading.Lock()


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
        3,
        "launch",
        "how often all workers are started again when one died",
        low=0,
    )

    def __post_init__(self) -> None:
        for field in JOB_FIELDS.values():
            settings.check(field, getattr(self, field.name))


JOB_FIELDS = {field.name: field for field in dataclasses.fields(Job)}


def launch(job: Job, command: Sequence[str]) -> int:
    """Runs a command in every worker, or tells how to on other machines.

    Args:
        job: how many workers, and where.
        command: words of `keras-ptft`, as "run", "a.flags".

    Returns:
        0, or the code of the worker that failed for good; 128 and the
        signal's number where one ended it.

    Raises:
        UserError: a command that is not for several workers, or hosts that
            are none.
    """
    if not command or command[0] not in _TOGETHER:
        got = command[0] if command else "nothing"
        raise UserError(
            f"launch needs {', '.join(_TOGETHER)} and its words after --, got "
            f"{got}: keras-ptft launch --workers=2 -- run RECIPE..."
        )
    words = list(command)
    if not any(w.lstrip("-").partition("=")[0] == "strategy" for w in words):
        words.append("--strategy=multi_worker")
    if job.hosts:
        print(_instructions(split_hosts(job.hosts), words))
        return 0
    with _passing_on_signals() as asked:
        return _run(job, words, asked)


def _instructions(hosts: Sequence[str], words: Sequence[str]) -> str:
    """A line for each machine, ready for a shell."""
    lines = []
    first = Cluster(tuple(hosts), 0)
    for index, host in enumerate(hosts):
        worker = dataclasses.replace(first, index=index)
        config = shlex.quote(worker.to_tf_config())
        line = f"TF_CONFIG={config} keras-ptft {shlex.join(words)}"
        lines += [f"# on {host.rpartition(':')[0]}", line]
    return "\n".join(lines)


def _run(job: Job, words: Sequence[str], asked: list[int]) -> int:
    """Starts the workers, again when one died, and waits for the end."""
    for attempt in range(job.max_restarts + 1):
        with _started(job.workers, words) as workers:
            index = _first_failed(workers, asked)
            if all(worker.returncode == 0 for worker in workers):
                return 0
            if asked:
                return 128 + asked[0]
            code = workers[index].returncode
        final = code == _USER_ERROR or attempt == job.max_restarts
        what = "all are stopped"
        if not final:
            what = f"starting all again ({attempt + 1} of {job.max_restarts})"
        told = f"signal {-code}" if code < 0 else f"code {code}"
        with _PRINTING:
            print(
                f"keras-ptft launch: worker {index} ended with {told}: {what}.",
                file=sys.stderr,
                flush=True,
            )
        if final:
            break
    return 128 - code if code < 0 else code


def _first_failed(
    workers: Sequence[subprocess.Popen], asked: list[int]
) -> int | None:
    """Waits until all have ended well, or one has not, and tells which.

    Where several have failed, one that was killed comes first: it is not
    for the others that it ended.
    """
    deadline, passed = 0.0, 0
    while True:
        codes = [worker.poll() for worker in workers]
        failed = [i for i, code in enumerate(codes) if code]
        if failed and not asked:
            return min(failed, key=lambda i: (codes[i] > 0, codes[i] != 2))
        if all(code is not None for code in codes):
            return failed[0] if failed else None
        for number in asked[passed:]:
            _send(workers, number)
            deadline = time.monotonic() + _GRACE_SECONDS
        passed = len(asked)
        if asked and time.monotonic() > deadline:
            return None
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _passing_on_signals() -> Iterator[list[int]]:
    """Gives the list of SIGINT and SIGTERM that have come meanwhile."""
    asked: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {
        number: signal.signal(number, lambda n, _: asked.append(n))
        for number in numbers
    }
    try:
        yield asked
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _started(
    count: int, words: Sequence[str]
) -> Iterator[list[subprocess.Popen]]:
    """Workers that run, and none of them, nor theirs, afterwards."""
    addresses = tuple(f"localhost:{port}" for port in _free_ports(count))
    workers, threads = [], []
    # one that is killed cannot remove what it wrote there
    temporary = tempfile.TemporaryDirectory(prefix="keras-ptft-launch-")
    guard = _guard(temporary.name)
    try:
        for index in range(count):
            cluster = Cluster(addresses, index)
            worker = _start(cluster, words, temporary.name)
            guard.stdin.write(b"%d\n" % worker.pid)
            workers.append(worker)
            for stream, target in (
                (worker.stdout, sys.stdout),
                (worker.stderr, sys.stderr),
            ):
                arguments = (f"[worker {index}] ", stream, target)
                threads.append(
                    threading.Thread(target=_prefixed, args=arguments)
                )
                threads[-1].start()
        yield workers
    finally:
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        guard.kill()
        guard.communicate()
        for thread in threads:
            thread.join()
        temporary.cleanup()


def _guard(folder: str) -> subprocess.Popen:
    """A process that outlives this one, to end what this one started.

    The workers could not hear of its end themselves: while they wait for
    each other TensorFlow lets no other thread of theirs run.
    """
    return subprocess.Popen(
        ["sh", "-c", _GUARD, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,
    )


def _start(
    cluster: Cluster, words: Sequence[str], temporary: str
) -> subprocess.Popen:
    config = {"TF_CONFIG": cluster.to_tf_config(), "TMPDIR": temporary}
    return subprocess.Popen(
        [sys.executable, "-m", "keras_ptft", *words],
        env=os.environ | config,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # a terminal's Ctrl-C is for the launcher, who passes it on
        start_new_session=True,
    )


def _send(workers: Sequence[subprocess.Popen], number: int) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(number)


def _prefixed(prefix: str, lines: IO[bytes], target: IO[str]) -> None:
    with lines:
        for line in lines:
            text = line.decode("utf-8", "backslashreplace").rstrip("\n")
            with _PRINTING, contextlib.suppress(OSError):
                print(f"{prefix}{text}", file=target, flush=True)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has, held all at once so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
