"""Requests as they were sent, and what a model takes of them."""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_ptft.serving.inference.resolve import Specs

EXAMPLES = "examples"
"""The signature whose requests are serialized `tf.train.Example`s."""

ONE_INPUT = ""
"""What an input is called in a request that need not name it."""


class Request(NamedTuple):
    """A request to a signature, not checked yet.

    Attributes:
        place: where it is logged, as "line 3".
        signature: the name of the signature.
        inputs: by name arrays, or lists as JSON has them; under `ONE_INPUT`
            where the signature has a single input.
    """

    place: str
    signature: str
    inputs: Mapping[str, Any]


class Malformed(NamedTuple):
    """What is no request, where it stands, and why."""

    place: str
    reason: str


def fitting_inputs(request: Request, specs: Specs) -> dict[str, np.ndarray]:
    """Returns the inputs of a request as a signature takes them.

    Args:
        request: as it was logged.
        specs: of the signature's inputs by name, with the batch axis.

    Returns:
        Arrays by input name, each with as many examples, at least 1.

    Raises:
        ValueError: the signature does not take them; it says why.
    """
    inputs = request.inputs
    if ONE_INPUT in inputs and len(specs) == 1:
        inputs = dict.fromkeys(specs, inputs[ONE_INPUT])
    if set(inputs) != set(specs):
        got = ", ".join(name or "one without a name" for name in inputs)
        raise ValueError(f"expected {', '.join(specs)}, got {got or 'nothing'}")
    arrays = {n: _array(inputs[n], spec, n) for n, spec in specs.items()}
    counts = {len(array) for array in arrays.values()}
    if len(counts) > 1 or counts == {0}:
        raise ValueError("expected as many examples in each input, at least 1")
    return arrays


def _array(value: Any, spec: tf.TensorSpec, name: str) -> np.ndarray:
    if spec.dtype == tf.string:
        array = _strings(value, name)
    else:
        array = _numbers(value, np.dtype(spec.dtype.as_numpy_dtype), name)
    if not spec.shape.is_compatible_with(array.shape):
        raise ValueError(
            f"expected shape {tuple(spec.shape)} of {name}, got {array.shape}"
        )
    return array


def _numbers(value: Any, dtype: np.dtype, name: str) -> np.ndarray:
    """Numbers that fit a dtype; those that are null in JSON become NaN."""
    try:
        wide = np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected numbers of one shape in {name}") from error
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        fits = (wide == wide.round()) & (limits.min <= wide)
        if not (fits & (wide <= limits.max)).all():
            raise ValueError(
                f"expected whole numbers that fit {dtype} in {name}"
            )
    with np.errstate(over="ignore"):
        return wide.astype(dtype)


def _strings(value: Any, name: str) -> np.ndarray:
    array = np.array(_decoded(value), object)
    if not all(isinstance(each, bytes) for each in array.flat):
        raise ValueError(f"expected strings in {name}")
    return array


def _decoded(value: Any) -> Any:
    """Strings and base64 of JSON as bytes; all else as it is."""
    if isinstance(value, list | np.ndarray):
        return [_decoded(each) for each in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if not is_base64(value):
        return value
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (TypeError, ValueError) as error:
        raise ValueError("expected base64 under b64") from error


def is_base64(value: Any) -> bool:
    """Returns whether a value of JSON stands for bytes, as REST has them."""
    return isinstance(value, dict) and list(value) == ["b64"]
