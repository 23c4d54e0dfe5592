"""Classify and Regress: TensorFlow Serving's APIs for `tf.train.Example`s.

After `tensorflow_serving/servables/tensorflow/classifier.cc` and
`regressor.cc`, and for JSON after `tensorflow_serving/util/json_tensor.cc`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.serving.bundle.rest_values import decimals
from keras_ptft.serving.model_server.json_tensors import (
    is_base64,
    to_bytes,
    to_text,
)
from keras_ptft.serving.model_server.loaded_version import LoadedVersion
from keras_ptft.serving.model_server.statuses import StatusError, refused

_INPUT = "inputs"
_LARGEST = float(np.finfo(np.float32).max)
# the kind of feature that a kind of JSON makes, and how it is written
_KINDS: Mapping[type, str] = {
    bool: "int64_list",
    int: "int64_list",
    float: "float_list",
    str: "bytes_list",
    dict: "bytes_list",
}


def read_examples(request: Mapping[str, Any]) -> list[bytes]:
    """Returns the serialized examples of a request of the REST API.

    Args:
        request: with objects of features under "examples", and features of
            all of them under "context".

    Raises:
        StatusError: there is none, or a feature is no list of one kind.

    Example:

    >>> (found,) = read_examples({"examples": [{"size": 5.0}]})
    >>> tf.train.Example.FromString(found).features.feature["size"]
    float_list {
      value: 5
    }
    <BLANKLINE>
    """
    if "examples" not in request:
        raise refused("key 'examples' is expected and was not found")
    examples, context = request["examples"], request.get("context", {})
    if not isinstance(examples, list):
        raise refused("Expecting 'examples' value to be an list/array")
    if not examples:
        raise refused("'examples' value is an empty array")
    shared = _example(context)
    # what is serialized later wins, as if the two were one message
    return [
        shared + _example(example) if shared else _example(example)
        for example in examples
    ]


def classes(
    version: LoadedVersion, signature: str, examples: Sequence[bytes]
) -> list[list[tuple[str, float]]]:
    """Returns every label with its score, for each example.

    Args:
        version: that is asked.
        signature: its name.
        examples: serialized.

    Raises:
        StatusError: the signature is none of Classify, or refuses the
            examples.
    """
    outputs = _asked(version, signature, examples)
    found = {name: outputs.get(name) for name in ("classes", "scores")}
    given = [array for array in found.values() if array is not None]
    if not given:
        raise StatusError(
            "FAILED_PRECONDITION",
            "Expected classification signature outputs to contain at least "
            'one of "classes" or "scores"',
        )
    shape = given[0].shape
    if len(shape) != 2 or any(array.shape != shape for array in given):
        raise refused("Expected Tensor shape: [batch_size num_classes]")
    labels, scores = found["classes"], found["scores"]
    names = np.full(shape, b"", object) if labels is None else labels
    values = np.zeros(shape) if scores is None else scores
    return [
        [(to_text(label), score) for label, score in zip(*row, strict=True)]
        for row in zip(names, decimals(values), strict=True)
    ]


def regressions(
    version: LoadedVersion, signature: str, examples: Sequence[bytes]
) -> list[float]:
    """Returns a number for each example.

    Args:
        version: that is asked.
        signature: its name.
        examples: serialized.

    Raises:
        StatusError: the signature is none of Regress, or refuses the
            examples.
    """
    outputs = _asked(version, signature, examples)
    if outputs.keys() != {"outputs"}:
        raise StatusError(
            "FAILED_PRECONDITION", "No regression outputs found in SignatureDef"
        )
    values = outputs["outputs"]
    if values.size != len(examples):
        raise refused(
            "Expected output Tensor shape to be either [batch_size] or "
            f"[batch_size, 1] but got {values.shape}"
        )
    found: list[float] = decimals(values.ravel())
    return found


def _asked(
    version: LoadedVersion, signature: str, examples: Sequence[bytes]
) -> dict[str, np.ndarray]:
    specs = version.inputs(signature)
    if specs.keys() != {_INPUT} or specs[_INPUT].dtype != tf.string:
        raise StatusError(
            "FAILED_PRECONDITION",
            f"No examples are taken by signature {signature!r}: expected one "
            f"input, {_INPUT!r}, of strings",
        )
    made = np.empty(len(examples), object)
    made[:] = examples
    return version.predict(signature, {_INPUT: made})


def _example(features: Any) -> bytes:
    if not isinstance(features, dict):
        raise refused("Example must be JSON object")
    made = {name: _feature(name, value) for name, value in features.items()}
    example = tf.train.Example(features=tf.train.Features(feature=made))
    serialized: bytes = example.SerializeToString()
    return serialized


def _feature(name: str, value: Any) -> tf.train.Feature:
    values = value if isinstance(value, list) else [value]
    feature = tf.train.Feature()
    if not values:
        return feature
    kinds = {_KINDS.get(type(each), "") for each in values}
    if "" in kinds or not all(map(_is_value, values)):
        raise refused(f"Feature: {name} has element with unexpected JSON type")
    if len(kinds) > 1:
        raise refused(
            f"Unexpected element type in feature: {name} expecting one of "
            f"{', '.join(sorted(kinds))}"
        )
    (kind,) = kinds
    if kind == "bytes_list":
        values = [to_bytes(each) for each in values]
    if kind == "float_list" and any(_LARGEST < abs(x) < np.inf for x in values):
        raise refused(
            f"Feature: {name}: Cannot convert {max(values, key=abs)} to float "
            "without loss of precision."
        )
    try:
        getattr(feature, kind).value.extend(values)
    except ValueError as error:
        raise refused(f"Feature: {name}: {error}") from error
    return feature


def _is_value(value: Any) -> bool:
    return not isinstance(value, dict) or is_base64(value)
