"""What every contestant is given, and what it gives back."""

import dataclasses
import os
import time
from collections.abc import Callable, Iterable

import numpy as np

BATCH_SIZE = 64
CPUS = 2


@dataclasses.dataclass(frozen=True)
class Work:
    """One piece of work, the same for every contestant.

    Attributes:
        inputs: array of shape (examples, ...), uint8 images, int32 tokens or
            the paths of image files; whole batches, so nobody drops any.
        labels: int64 array of shape (examples,), from 0 to 9.
        epochs: passes over the examples, at least 2.
        seed: of weights and order.
    """

    inputs: np.ndarray
    labels: np.ndarray
    epochs: int
    seed: int = 0


@dataclasses.dataclass
class Outcome:
    """What a contestant took and how it learned.

    Attributes:
        seconds: of each epoch.
        losses: of each epoch, the mean over its training batches; where
            nothing is trained, the mean pixel; none of the limit.
        total: seconds of the whole, from a model and data in memory to the
            end, with everything that is traced, compiled or computed ahead.
    """

    seconds: list[float] = dataclasses.field(default_factory=list)
    losses: list[float] = dataclasses.field(default_factory=list)
    total: float = 0.0


class Watch:
    """Counts the seconds since it was made.

    Example:

    >>> Watch().seconds() < 60
    True
    """

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def seconds(self) -> float:
        """Wall-clock seconds so far."""
        return time.perf_counter() - self._start


def read_epochs(epoch_of: Callable[[], Iterable], epochs: int) -> Outcome:
    """Reads batches of images and trains nothing.

    Args:
        epoch_of: gives the batches of one epoch, tensors of pixels.
        epochs: how often it is called.
    """
    outcome, whole = Outcome(), Watch()
    for _ in range(epochs):
        epoch = Watch()
        means = [images.numpy().mean() for images in epoch_of()]
        outcome.seconds.append(epoch.seconds())
        outcome.losses.append(float(np.mean(means)))
    outcome.total = whole.seconds()
    return outcome


def limit_threads() -> None:
    """Holds the processes that this one starts to 2 CPUs and 2 threads."""
    for name in (
        *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
        *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    ):
        os.environ[name] = str(CPUS)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CPUS])
