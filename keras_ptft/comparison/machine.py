"""What a comparison is measured on, without the machine's name."""

import os
import pathlib
import platform
import re
from typing import NamedTuple


class Processor(NamedTuple):
    """What is known of the processor.

    Attributes:
        name: as its maker calls it.
        flags: the instructions that it has; none: unknown.
    """

    name: str
    flags: frozenset[str]


def machine() -> str:
    """Returns the processors in a few words.

    Example:

    >>> " cores of " in machine() or machine()
    True
    """
    # the rest of this module is asked where TensorFlow may be broken
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return ", ".join([_processor(), *gpus])


def processor_facts() -> Processor:
    """Returns what the system tells of the processor.

    Example:

    >>> bool(processor_facts().name)
    True
    """
    path = pathlib.Path("/proc/cpuinfo")
    text = path.read_text("utf-8") if path.exists() else ""
    known = dict(re.findall(r"^(.*?)\s*: (.*)$", text, re.MULTILINE))
    name = known.get("model name") or platform.processor() or "unknown kind"
    # those of Arm are called features
    flags = known.get("flags") or known.get("Features", "")
    return Processor(name, frozenset(flags.split()))


def usable_cores() -> int:
    """Returns how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    name, flags = processor_facts()
    instructions = [
        title
        for title, flag in (("AVX-512", "avx512f"), ("AVX2", "avx2"))
        if flag in flags
    ]
    best = f" ({instructions[0]})" if instructions else ""
    return f"{usable_cores()} cores of {name}{best}"
