"""Everything that is looked at, each by one function."""

import importlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from keras_ptft import environment
from keras_ptft.doctor import machine, serving, software
from keras_ptft.doctor.finding import Finding, failed
from keras_ptft.doctor.settings import DoctorConfig
from keras_ptft.errors import on_one_line

Look = Callable[[DoctorConfig], Iterator[Finding]]
"""The settings → what is found, a line each."""


class Check(NamedTuple):
    """One thing that is looked at.

    Attributes:
        look: what looks at it.
        takes_seconds: whether --quick leaves it out.
    """

    look: Look
    takes_seconds: bool = False


def _with_tensorflow(module: str, name: str) -> Look:
    """A function whose module is imported late: TensorFlow may be broken."""

    def look(config: DoctorConfig) -> Iterator[Finding]:
        if any(environment.faults()):
            # "packages" says so
            return
        found = importlib.import_module(f"keras_ptft.doctor.{module}")
        yield from getattr(found, name)(config)

    return look


# a TPU has to be joined before TensorFlow uses another device
CHECKS: dict[str, Check] = {
    "Python": Check(software.python),
    # before TensorFlow sets some itself
    "variables": Check(software.variables),
    "packages": Check(software.packages),
    "extras": Check(software.extras),
    "encoding": Check(software.encoding),
    "processor": Check(machine.processor),
    "cores": Check(machine.cores),
    "memory": Check(machine.memory),
    "/dev/shm": Check(machine.shared_memory),
    "disk": Check(machine.disks),
    "caches": Check(machine.caches),
    "clock": Check(machine.clock),
    "serving": Check(serving.server),
    "TPU": Check(_with_tensorflow("devices", "tpu")),
    "GPU": Check(_with_tensorflow("devices", "gpus")),
    "CPU": Check(_with_tensorflow("devices", "threads")),
    "training": Check(_with_tensorflow("trials", "trainings"), True),
    "export": Check(_with_tensorflow("trials", "export"), True),
}


def examine(config: DoctorConfig) -> Iterator[tuple[str, Finding]]:
    """Yields what each check finds, with its name.

    Args:
        config: what is looked at.
    """
    for name, check in CHECKS.items():
        if check.takes_seconds and config.quick:
            continue
        try:
            for finding in check.look(config):
                yield name, finding
        except Exception as error:
            # whatever is broken, the rest is told all the same
            text = f"{type(error).__name__}: {on_one_line(error)[:200]}"
            yield name, failed(text, "mend this first, then look again")
