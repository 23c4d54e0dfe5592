"""What a comparison is measured on, without the machine's name."""

import os
import pathlib
import platform
import re

import tensorflow as tf


def machine() -> str:
    """Returns the processors in a few words.

    Example:

    >>> " cores of " in machine() or machine()
    True
    """
    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    return ", ".join([_processor(), *gpus])


def _processor() -> str:
    path = pathlib.Path("/proc/cpuinfo")
    text = path.read_text("utf-8") if path.exists() else ""
    known = dict(re.findall(r"^(.*?)\s*: (.*)$", text, re.MULTILINE))
    name = known.get("model name") or platform.processor() or "unknown kind"
    flags = known.get("flags", "").split()
    instructions = [
        title
        for title, flag in (("AVX-512", "avx512f"), ("AVX2", "avx2"))
        if flag in flags
    ]
    best = f" ({instructions[0]})" if instructions else ""
    return f"{_usable()} cores of {name}{best}"


def _usable() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
