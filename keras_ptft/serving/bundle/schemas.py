"""JSON schemas of what a signature takes and answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.serving.bundle.descriptions import TEXT
from keras_ptft.serving.signatures.signature import Arrays, Signature

Schema = dict[str, Any]

_TYPES = {"f": "number", "i": "integer", "u": "integer", "b": "boolean"}


def request_schema(signature: Signature, *, of_columns: bool) -> Schema:
    """Returns the schema of a request.

    Args:
        signature: what is asked.
        of_columns: whether it has an array for each input, or a value for
            each example.
    """
    schemas = {
        name: _input_schema(name, spec)
        for name, spec in signature.inputs.items()
    }
    if of_columns:
        arrays = {name: _array(schema) for name, schema in schemas.items()}
        inputs = {"inputs": _object(arrays)}
    else:
        inputs = {"instances": _array(_alone(schemas)) | {"minItems": 1}}
    name = {"signature_name": {"const": signature.name}}
    required = ["signature_name", *inputs]
    if signature.name == "serving_default":
        required = [*inputs]
    return _object({**name, **inputs}, required)


def answer_schema(outputs: Arrays, *, of_columns: bool) -> Schema:
    """Returns the schema of an answer.

    Args:
        outputs: of a case of the signature.
        of_columns: whether the request had an array for each input.
    """
    schemas = {name: _output_schema(array) for name, array in outputs.items()}
    if not of_columns:
        return _object({"predictions": _array(_alone(schemas))})
    arrays = {name: _array(schema) for name, schema in schemas.items()}
    return _object({"outputs": _alone(arrays)})


def _alone(schemas: Mapping[str, Schema]) -> Schema:
    """A value alone has no name, as TensorFlow Serving writes it."""
    if len(schemas) == 1:
        return next(iter(schemas.values()))
    return _object(schemas)


def _input_schema(name: str, spec: tf.TensorSpec) -> Schema:
    if spec.dtype == tf.string:
        item = {"type": "string"} if name == TEXT else _bytes_schema()
    else:
        item = _number_schema(np.dtype(spec.dtype.as_numpy_dtype))
    return _nested(item, list(spec.shape)[1:])


def _output_schema(array: np.ndarray) -> Schema:
    kind = array.dtype.kind
    item = {"type": "string" if kind in "OS" else _TYPES[kind]}
    return _nested(item, [None] * (array.ndim - 1))


def _bytes_schema() -> Schema:
    return _object({"b64": {"type": "string", "contentEncoding": "base64"}})


def _number_schema(dtype: np.dtype) -> Schema:
    schema: Schema = {"type": _TYPES[dtype.kind]}
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        schema |= {"minimum": int(limits.min), "maximum": int(limits.max)}
    return schema


def _nested(item: Schema, shape: Sequence[int | None]) -> Schema:
    """Lists of lists, of the length of each axis; None: of any length."""
    for size in reversed(shape):
        item = _array(item)
        if size is not None:
            item |= {"minItems": size, "maxItems": size}
    return item


def _array(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _object(
    properties: Mapping[str, Schema], required: Sequence[str] | None = None
) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }
