"""Runs a server as a process of this machine (no TensorFlow)."""

import collections
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from keras_ptft.errors import UserError
from keras_ptft.serving.bundle.names import model_name
from keras_ptft.serving.smoke.address import Address, local_address
from keras_ptft.serving.smoke.programs import Program
from keras_ptft.serving.smoke.settings import ServeConfig

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 30.0
_REQUEST_SECONDS = 10.0
# how many of its last lines are looked through for the cause of an end, and
# how many of these are told
_KEPT_LINES, _TOLD_LINES = 30, 3
_CAUSE = re.compile(
    r"error|cannot|can't|could not|unable|fail|denied|refused|invalid|unknown|"
    r"no such|not found",
    re.IGNORECASE,
)
# ends the server when this process dies in a way that runs no code of its own
_GUARD = 'read -r _; kill -s TERM -- "-$0"'
# a server of this machine is not asked through a proxy
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Server:
    """A server that runs.

    Attributes:
        address: where it answers.

    Args:
        process: with what it says in a pipe, in a process group of its own.
        address: where it answers.
        log: where to copy what it says; None: nowhere.
    """

    def __init__(
        self,
        process: subprocess.Popen[str],
        address: Address,
        log: IO[str] | None,
    ) -> None:
        self.address = address
        self._process = process
        self._hint = "" if log else "; without --smoke its whole log is shown"
        self._lines = collections.deque[str](maxlen=_KEPT_LINES)
        self._reader = threading.Thread(target=self._read, args=(log,))
        self._reader.start()

    def wait_until_available(self, seconds: float) -> int:
        """Waits until the server has loaded a model.

        Args:
            seconds: how long.

        Returns:
            The highest version that it serves.

        Raises:
            UserError: the server ended, could not load the model, or took
                longer.
        """
        deadline = time.monotonic() + seconds
        while not (version := self._available()):
            self._check_running()
            if time.monotonic() > deadline:
                raise UserError(
                    f"Expected {self.address.model} to be served within "
                    f"{seconds:g} seconds; the server said last: "
                    f"{_cited(self._lines)}: correct that, or raise --timeout."
                )
            time.sleep(_POLL_SECONDS)
        return version

    def wait(self) -> None:
        """Waits until the server ends.

        Raises:
            UserError: it has ended.
        """
        self._process.wait()
        self._check_running()

    def stop(self) -> None:
        """Ends the server, if it runs."""
        try:
            self._send(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
        finally:
            self._send(signal.SIGKILL)
            self._process.wait()
            self._reader.join()

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _check_running(self) -> None:
        code = self._process.poll()
        if code is None:
            return
        self._reader.join()
        raise UserError(
            f"The server ended with code {code}; it said last: "
            f"{_cited(self._lines)}: correct that{self._hint}."
        )

    def _read(self, log: IO[str] | None) -> None:
        for line in self._process.stdout or ():
            if line.strip():
                self._lines.append(line.strip())
            if log is not None:
                with contextlib.suppress(OSError, ValueError):
                    print(line, end="", file=log, flush=True)

    def _available(self) -> int:
        """The highest version that is served, or 0 while one is loaded."""
        states = self._states()
        for version, state in states.items():
            if fault := _fault(state):
                raise UserError(
                    f"The server cannot load version {version}: {fault}: "
                    "correct that, or export the run again."
                )
        ready = all(state["state"] == "AVAILABLE" for state in states.values())
        return max(states, default=0) if ready else 0

    def _states(self) -> dict[int, dict[str, Any]]:
        """What the server says of each version."""
        url = self.address.url
        try:
            with _DIRECT.open(url, timeout=_REQUEST_SECONDS) as answer:
                found = json.load(answer)["model_version_status"]
        # it does not listen yet, or does not know the model yet
        except (OSError, ValueError, KeyError):
            return {}
        return {int(each["version"]): each for each in found}


def _fault(state: Mapping[str, Any]) -> str:
    """What went wrong with a version, or nothing."""
    status = state.get("status", {})
    if status.get("error_code", "OK") == "OK":
        return ""
    return " ".join(status.get("error_message", "").split()) or "no reason told"


def _cited(lines: Iterable[str]) -> str:
    """The last lines that name a cause, or else the last ones, as one."""
    kept = [*lines]
    causes = [line for line in kept if _CAUSE.search(line)]
    return " | ".join((causes or kept)[-_TOLD_LINES:]) or "nothing"


@contextlib.contextmanager
def running(
    base: pathlib.Path,
    config: ServeConfig,
    program: Program,
    log: IO[str] | None = None,
) -> Iterator[Server]:
    """Yields a server that was started on a folder of versions.

    It ends with the block, also on SIGTERM, and when this process dies.

    Args:
        base: absolute path of the folder.
        config: the ports.
        program: that serves.
        log: where to copy what it says; None: nowhere.

    Raises:
        UserError: a port is taken, or the program cannot be started.
    """
    address = local_address(model_name(base), config.port, config.rest_port)
    with contextlib.ExitStack() as stack:
        scratch = tempfile.TemporaryDirectory(prefix="keras-ptft-serve-")
        folder = pathlib.Path(stack.enter_context(scratch))
        words = program.command(base, address, folder)
        handler = signal.signal(signal.SIGTERM, _end)
        stack.callback(signal.signal, signal.SIGTERM, handler)
        process = stack.enter_context(_started(words, program.environment()))
        server = Server(process, address, log)
        stack.callback(server.stop)
        stack.enter_context(_guarded(process))
        yield server


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _started(
    words: list[str], environment: Mapping[str, str]
) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="backslashreplace",
            # Ctrl-C in a terminal reaches this process alone, which ends it
            start_new_session=True,
        )
    except OSError as error:
        raise UserError(
            f"Cannot start {words[0]}: {error.strerror}; install it again."
        ) from error


@contextlib.contextmanager
def _guarded(process: subprocess.Popen[str]) -> Iterator[None]:
    """Ends a process group when this process dies before the block does."""
    with subprocess.Popen(
        ["sh", "-c", _GUARD, str(process.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as guard:
        try:
            yield
        finally:
            guard.kill()
