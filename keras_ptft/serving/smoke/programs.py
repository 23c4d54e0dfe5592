"""The programs that can serve, and which of them this machine has."""

import importlib.util
import logging
import os
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from keras_ptft.errors import UserError
from keras_ptft.serving.processes import worker_environment
from keras_ptft.serving.smoke.address import Address
from keras_ptft.serving.smoke.command import (
    DOCKER,
    PROGRAM,
    docker_command,
    installed_command,
    python_command,
)

AUTO = "auto"
"""The first program that this machine has."""

_LOG = logging.getLogger("keras_ptft")
_DAEMON_SECONDS = 10.0
_GRPC, _REST = "gRPC", "REST"


def _no_fault() -> str:
    return ""


def _both() -> tuple[str, ...]:
    return _GRPC, _REST


class Program(NamedTuple):
    """A program that serves.

    Attributes:
        command: (folder of versions, address, folder for its files) → the
            words that start it.
        fault: why it cannot be started; empty: it can.
        remedy: what to do then.
        speaks: the ways to ask it.
        environment: what it is started with.
        note: what whoever starts it should know.
    """

    command: Callable[[pathlib.Path, Address, pathlib.Path], list[str]]
    fault: Callable[[], str] = _no_fault
    remedy: str = ""
    speaks: Callable[[], tuple[str, ...]] = _both
    environment: Callable[[], Mapping[str, str]] = lambda: os.environ
    note: str = ""


class Choice(NamedTuple):
    """The program that serves.

    Attributes:
        name: a key of PROGRAMS.
        program: that it stands for.
        faults: why those before it do not.
    """

    name: str
    program: Program
    faults: Sequence[str] = ()


def _installed_fault() -> str:
    return "" if shutil.which(PROGRAM) else f"{PROGRAM} is not on the PATH"


def _docker_fault() -> str:
    if not (program := shutil.which(DOCKER)):
        return "docker is not on the PATH"
    asked = [program, "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(
            asked,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_DAEMON_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "docker does not answer"
    return "the daemon of docker does not answer" if done.returncode else ""


def _spoken_by_python() -> tuple[str, ...]:
    return (
        _both() if importlib.util.find_spec("tensorflow_serving") else (_REST,)
    )


PROGRAMS: dict[str, Program] = {
    PROGRAM: Program(
        installed_command,
        _installed_fault,
        "install it (https://www.tensorflow.org/tfx/serving/setup)",
    ),
    DOCKER: Program(
        docker_command,
        _docker_fault,
        "install docker (https://docs.docker.com/get-docker) and start it",
    ),
    "python": Program(
        python_command,
        speaks=_spoken_by_python,
        environment=worker_environment,
        note="for trying on this machine, not for production",
    ),
}
"""Programs that serve, the first choice first."""


def first_here() -> Choice:
    """Returns the first program of the table that this machine has.

    The last one is always there.
    """
    faults: list[str] = []
    rows = iter(PROGRAMS.items())
    name, program = next(rows)
    while fault := program.fault():
        faults.append(fault)
        name, program = next(rows)
    return Choice(name, program, faults)


def chosen(name: str) -> Program:
    """Returns the program that is to serve, and says what it is not.

    Args:
        name: a key of PROGRAMS, or AUTO.

    Raises:
        UserError: it is named, and this machine has not got it.
    """
    if name == AUTO:
        choice = first_here()
    else:
        choice = Choice(name, PROGRAMS[name])
        if fault := choice.program.fault():
            raise UserError(
                f"Cannot serve with --server={name}: {fault}: "
                f"{choice.program.remedy}, or leave --server out."
            )
    for sentence in _notes(choice):
        _LOG.info("%s", sentence)
    return choice.program


def _notes(choice: Choice) -> Sequence[str]:
    """What is to be said of a choice, a line each."""
    name, program, faults = choice
    found = []
    if program.note:
        since = f", since {' and '.join(faults)}" if faults else ""
        found.append(f"Served by {name}{since}: {program.note}.")
    if _GRPC not in program.speaks():
        found.append(
            "It answers by REST alone: gRPC needs tensorflow-serving-api, pip "
            'install "keras_ptft[serve]".'
        )
    return found
