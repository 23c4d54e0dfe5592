"""Processes of this Python that run an export (no TensorFlow)."""

import os
import pathlib


def worker_environment() -> dict[str, str]:
    """Returns the environment of a process that runs an export."""
    package = pathlib.Path(__file__).parents[2]
    paths = [str(package), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # this process may hold all of an accelerator's memory
        "CUDA_VISIBLE_DEVICES": "-1",
    }
