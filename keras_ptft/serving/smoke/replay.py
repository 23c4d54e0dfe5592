"""Replays the warm-up of an export against a server."""

import dataclasses
import os
import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.serving.bundle.warmup import Request, read_warmup
from keras_ptft.serving.export import EXTRA
from keras_ptft.serving.signatures.signature import Arrays
from keras_ptft.serving.smoke.clients import Predict, RefusedError
from keras_ptft.serving.smoke.differences import WrongAnswerError, difference

TOLERANCE = 1e-4
"""Largest difference of a right answer.

Ten times that of an export from its Keras model: a server of another version
or with batching may add in another order.
"""

_REPEATS = 20
_SECONDS = 2.0


@dataclasses.dataclass(frozen=True)
class Trial:
    """How a server answered a request that it was sent some times.

    Attributes:
        client: how it was asked, as "gRPC".
        signature: that was called.
        batch: rows of the request.
        seconds: that each answer took, as the client saw it.
        difference: the largest |value - expected| / max(1, |expected|).
        fault: what was wrong with an answer; empty: nothing.
    """

    client: str
    signature: str
    batch: int
    seconds: tuple[float, ...] = ()
    difference: float = 0.0
    fault: str = ""

    def milliseconds(self, percent: float) -> float:
        """Returns a percentile of the times, in milliseconds."""
        return 1000 * float(np.percentile(self.seconds, percent))


def replay(
    folder: pathlib.Path, clients: Mapping[str, Predict]
) -> Iterator[Trial]:
    """Sends each request of a warm-up to a server, some times.

    What is expected is computed here, from the same export: the answers of
    TensorFlow Serving are compared with those of TensorFlow.

    Args:
        folder: the version that is served, with its warm-up.
        clients: how the server is asked.

    Yields:
        How it answered each of them.
    """
    loaded = tf.saved_model.load(os.fspath(folder))
    for request in read_warmup(folder / EXTRA):
        expected = _answer(loaded.signatures[request.signature], request)
        for name, predict in clients.items():
            yield _tried(name, predict, request, expected)


def _answer(signature: Any, request: Request) -> Arrays:
    with tf.device("CPU:0"):
        inputs = {k: tf.constant(v) for k, v in request.inputs.items()}
        outputs = signature(**inputs)
    return {name: values.numpy() for name, values in outputs.items()}


def _tried(
    client: str, predict: Predict, request: Request, expected: Arrays
) -> Trial:
    batch = len(next(iter(request.inputs.values())))
    trial = Trial(client, request.signature, batch)
    seconds: list[float] = []
    worst = 0.0
    try:
        while len(seconds) < _REPEATS and sum(seconds) < _SECONDS:
            start = time.perf_counter()
            outputs = predict(*request)
            seconds.append(time.perf_counter() - start)
            worst = max(worst, difference(outputs, expected))
    except (RefusedError, WrongAnswerError) as error:
        return dataclasses.replace(trial, fault=str(error))
    fault = ""
    if worst > TOLERANCE:
        fault = f"it differs by {worst:.2g}, expected at most {TOLERANCE:g}"
    return dataclasses.replace(
        trial, seconds=tuple(seconds), difference=worst, fault=fault
    )
