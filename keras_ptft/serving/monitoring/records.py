"""Request logs of TensorFlow Serving: records of `PredictionLog`."""

import pathlib
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.monitoring.requests import (
    EXAMPLES,
    Malformed,
    Request,
)

_DEFAULT = "serving_default"
Inputs = dict[str, np.ndarray]

# length, its checksum; and a checksum after the record
_HEAD, _TAIL = 12, 4


def is_record_log(path: pathlib.Path) -> bool:
    """Returns whether a file begins as a TFRecord.

    Its first eight bytes are the length of a record, which has 32 bits, so
    the last four are 0. Text has no such bytes.

    Args:
        path: any file.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    if len(head) < _HEAD:
        return False
    (length,) = struct.unpack("<Q", head[:8])
    return 0 < length < 2**32


def logged_records(path: pathlib.Path) -> Iterator[Request | Malformed]:
    """Reads the requests of a log.

    Args:
        path: a TFRecord.

    Yields:
        Each request, or what a record is instead. A record that is cut off
        or has another checksum is the last: what follows cannot be found.

    Raises:
        UserError: the package with the messages is not installed.
    """
    parse = _parser()
    records = iter(tf.data.TFRecordDataset(str(path)))
    number = 0
    while True:
        number += 1
        place = f"record {number}"
        try:
            record = next(records, None)
        except tf.errors.DataLossError:
            yield Malformed(place, "it is damaged, as may be all after it")
            return
        if record is None:
            return
        yield _request(place, record.numpy(), parse)


def _request(
    place: str, record: bytes, parse: Callable[[bytes], Any]
) -> Request | Malformed:
    try:
        log = parse(record)
        kind = log.WhichOneof("log_type")
        if kind not in _INPUTS:
            names = " or ".join(_INPUTS)
            return Malformed(place, f"expected {names}, got {kind}")
        signature, inputs = _INPUTS[kind](getattr(log, kind).request)
    # protobuf and NumPy refuse bytes in many ways
    except Exception:
        return Malformed(place, "it is no PredictionLog")
    return Request(place, signature, inputs)


def _of_predict(request: Any) -> tuple[str, Inputs]:
    arrays = {n: tf.make_ndarray(x) for n, x in request.inputs.items()}
    return request.model_spec.signature_name or _DEFAULT, arrays


def _of_examples(request: Any) -> tuple[str, Inputs]:
    """What Classify and Regress take, whatever the signature's name."""
    examples = [
        each.SerializeToString()
        for kind in ("example_list", "example_list_with_context")
        for each in getattr(request.input, kind).examples
    ]
    return EXAMPLES, {EXAMPLES: np.array(examples, object)}


_INPUTS: dict[str, Callable[[Any], tuple[str, Inputs]]] = {
    "predict_log": _of_predict,
    "classify_log": _of_examples,
    "regress_log": _of_examples,
}


def _parser() -> Callable[[bytes], Any]:
    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError:
        raise UserError(
            "A request log of TensorFlow Serving needs the package "
            "tensorflow-serving-api, and it is not installed: pip install "
            '"keras_ptft[serve]".'
        ) from None
    return prediction_log_pb2.PredictionLog.FromString
