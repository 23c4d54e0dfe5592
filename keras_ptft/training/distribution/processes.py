"""Runs workers as processes of this machine (no TensorFlow)."""

import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from subprocess import DEVNULL, PIPE, Popen
from typing import IO

from keras_ptft.training.distribution.cluster import Cluster

# reads process groups until this process ends, then kills them; the folder
# can be removed once the last process that writes there is gone
_GUARD = """
while read -r group; do groups="$groups -$group"; done
kill -s KILL -- $groups
until rm -rf "$0"; do sleep 1; done
"""
# tells the guard its process group before it becomes a worker, so that none
# is left if the launcher dies right after it was started
_WORKER = 'echo $$ >&0; exec "$@" < /dev/null'
_PRINTING = threading.Lock()


@contextlib.contextmanager
def worker_processes(count: int, words: Sequence[str]) -> Iterator[list[Popen]]:
    """Yields the running workers of one job, in the order of their index.

    Their output is printed with the worker's index before each line. At the
    end of the block, and if this process dies, they are killed with their
    children, and their temporary files are removed.

    Args:
        count: how many there are.
        words: the command; TF_CONFIG tells each worker which one it is.
    """
    addresses = tuple(f"localhost:{port}" for port in free_ports(count))
    prefix = "keras-ptft-launch-"
    with ExitStack() as stack:
        # a worker that is killed cannot remove its temporary files
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix))
        guard = _start_guard(folder, stack)
        workers = []
        for index in range(count):
            config = Cluster(addresses, index).to_tf_config()
            environ = os.environ | {"TF_CONFIG": config, "TMPDIR": folder}
            command = ["sh", "-c", _WORKER, "sh", *words]
            workers.append(_start(index, command, environ, guard, stack))
        yield workers


def _start_guard(folder: str, stack: ExitStack) -> int:
    """Starts a process that kills the workers when this one dies.

    Workers that wait for each other in TensorFlow run no code of their own
    that could notice.

    Returns:
        A pipe for the process group of each worker.
    """
    reader, writer = os.pipe()
    stack.callback(os.close, writer)
    command = ["sh", "-c", _GUARD, folder]
    guard = Popen(
        command,
        stdin=reader,
        stdout=DEVNULL,
        stderr=DEVNULL,
        start_new_session=True,
    )
    stack.enter_context(guard)
    stack.callback(guard.kill)
    os.close(reader)
    return writer


def _start(
    index: int,
    words: Sequence[str],
    environ: Mapping[str, str],
    guard: int,
    stack: ExitStack,
) -> Popen:
    """Starts a worker, which the stack will kill with its children."""
    worker = Popen(
        words,
        env=environ,
        stdin=guard,
        stdout=PIPE,
        stderr=PIPE,
        # Ctrl-C in a terminal reaches only the launcher, which passes it on
        start_new_session=True,
    )
    stack.enter_context(worker)
    for stream in (worker.stdout, sys.stdout), (worker.stderr, sys.stderr):
        reader = threading.Thread(target=_copy_lines, args=(index, *stream))
        reader.start()
        stack.callback(reader.join)
    stack.callback(_kill_group, worker.pid)
    return worker


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _copy_lines(index: int, lines: Iterable[bytes], target: IO[str]) -> None:
    for line in lines:
        text = line.decode("utf-8", "backslashreplace").rstrip("\n")
        with _PRINTING, contextlib.suppress(OSError):
            print(f"[worker {index}] {text}", file=target, flush=True)


def free_ports(count: int) -> list[int]:
    """Returns different ports of this machine that are free."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
