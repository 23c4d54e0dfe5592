"""Requests that TensorFlow Serving runs when it loads a version.

A first request takes many times as long as the next one. TensorFlow Serving
warms up with those in `assets.extra/tf_serving_warmup_requests`, before it
sends clients to the version.
"""

import logging
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError, first_line
from keras_ptft.serving.bundle.names import MOST_TOGETHER
from keras_ptft.serving.bundle.prediction_log import (
    PredictionLog,
    arrays_of,
    predict_request,
)
from keras_ptft.serving.signatures.signature import Arrays, Signature

WARMUP_FILE = "tf_serving_warmup_requests"
"""What TensorFlow Serving looks for in `assets.extra`."""
MOST_REQUESTS = 1000
"""With more, TensorFlow Serving does not load the version."""

_LOG = logging.getLogger("keras_ptft")
_MOST_BYTES = 20_000_000


class Request(NamedTuple):
    """One request of a warm-up.

    Attributes:
        signature: its name.
        inputs: input name to array; strings are `bytes`.
    """

    signature: str
    inputs: Mapping[str, np.ndarray]


def warmup_batches(text: str) -> tuple[int, ...]:
    """Reads sizes of batches, as the setting `warmup_batches` has them.

    Raises:
        UserError: other text, or a size out of range.

    Example:

    >>> warmup_batches("32,1"), warmup_batches("")
    ((1, 32), ())
    """
    sizes = re.split(r"\s*,\s*", text) if text else []
    fits = (re.fullmatch("[0-9]{1,9}", size) for size in sizes)
    found = {int(size) for size in sizes} if all(fits) else {0}
    if not all(1 <= size <= MOST_TOGETHER for size in found):
        raise UserError(
            f"--warmup_batches must be numbers from 1 to {MOST_TOGETHER} with "
            f"commas between them, as 1,32, or empty, got {text!r}."
        )
    return tuple(sorted(found))


def write_warmup(
    folder: pathlib.Path,
    model: str,
    signatures: Sequence[Signature],
    batches: Sequence[int],
) -> dict[str, Any]:
    """Writes requests to every signature, with batches of several sizes.

    They are made of the examples in the cases of the signatures, repeated
    where a batch needs more. So whoever gets the file can read these
    examples, pictures and texts of the test split among them. It holds at
    most 1,000 requests and 20 MB: what does not fit is left out, large
    batches first.

    Args:
        folder: `assets.extra` of a version.
        model: the name that it is served by.
        signatures: of the version.
        batches: rows of the requests, ascending; none: no file is written.

    Returns:
        How many requests there are, their bytes, and those left out.

    Raises:
        UserError: a signature refuses a batch, so that TensorFlow Serving
            would not load the version.
    """
    if not batches:
        return {}
    count, size = 0, 0
    left_out: list[str] = []
    with tf.io.TFRecordWriter(str(folder / WARMUP_FILE)) as writer:
        for batch in batches:
            for signature in signatures:
                record = _record(model, signature, batch, _MOST_BYTES - size)
                if not record or count == MOST_REQUESTS:
                    left_out.append(f"{signature.name} at batch {batch}")
                    continue
                writer.write(record)
                count, size = count + 1, size + len(record)
    if left_out:
        _LOG.warning(
            "Left out of the warm-up, which may hold %s requests and %d MB: "
            "%s.",
            f"{MOST_REQUESTS:,}",
            _MOST_BYTES // 10**6,
            ", ".join(left_out),
        )
    return {
        "file": WARMUP_FILE,
        "batches": list(batches),
        "requests": count,
        "bytes": size,
        "left_out": left_out,
    }


def read_warmup(folder: pathlib.Path) -> Iterator[Request]:
    """Yields the requests of a warm-up.

    Args:
        folder: `assets.extra` of a version.
    """
    records = tf.data.TFRecordDataset(str(folder / WARMUP_FILE))
    for record in records.as_numpy_iterator():
        request = PredictionLog.FromString(record).predict_log.request
        name = request.model_spec.signature_name
        yield Request(name, arrays_of(request.inputs))


def _record(model: str, signature: Signature, batch: int, room: int) -> bytes:
    """A PredictionLog with a batch of examples, or none if it has no room."""
    largest = max(signature.cases, key=len)
    most, rows = largest.inputs, len(largest)
    # from the last one on: the first texts are unusual ones
    chosen = np.arange(-batch, 0) % rows
    if sum(_size(array, chosen) for array in most.values()) > room:
        return b""
    inputs = {
        name: np.asarray(most[name][chosen], spec.dtype.as_numpy_dtype)
        for name, spec in signature.inputs.items()
    }
    if batch > rows:
        _check_accepted(signature, inputs, batch)
    log = PredictionLog()
    request = predict_request(model, signature.name, inputs)
    log.predict_log.request.CopyFrom(request)
    record: bytes = log.SerializeToString()
    return record if len(record) <= room else b""


def _size(array: np.ndarray, chosen: np.ndarray) -> int:
    """Bytes of some rows, without a copy of them."""
    if array.dtype.kind == "O":
        return sum(map(len, array[chosen].ravel()))
    return len(chosen) * array[0].nbytes


def _check_accepted(signature: Signature, inputs: Arrays, batch: int) -> None:
    """Raises a UserError if a batch larger than any of the cases fails."""
    try:
        with tf.device("CPU:0"):
            signature.function(*map(tf.constant, inputs.values()))
    except tf.errors.InvalidArgumentError as error:
        raise UserError(
            f"Signature {signature.name!r} refuses a batch of {batch}, with "
            "which TensorFlow Serving would not load the version: "
            f"{first_line(error)}; lower --warmup_batches."
        ) from error
