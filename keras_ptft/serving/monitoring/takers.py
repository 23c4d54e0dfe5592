"""Requests to any signature, as inputs of `serving_default`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.images.resize import decode_image
from keras_ptft.serving.monitoring.requests import (
    EXAMPLES,
    ONE_INPUT,
    Request,
    fitting_inputs,
)
from keras_ptft.serving.monitoring.watched import COLUMNS, DEFAULT, Watched
from keras_ptft.serving.signatures.arrays import accepts_encoded_images

Arrays = dict[str, np.ndarray]
Take = Callable[[Request], Arrays]
"""A request to one signature → inputs of `serving_default`.

It raises a ValueError, which says why, where there are none.
"""

ENCODED = "encoded_images"

_STRINGS = tf.TensorSpec((None,), tf.string)
_NUMBERS = tf.TensorSpec((None,), tf.float32)
_IMAGE = "image/encoded"


def takers_of(watched: Watched) -> dict[str, Take]:
    """Returns what takes the requests to each signature that is measured.

    Args:
        watched: the model.
    """
    specs = watched.answers.inputs
    takers: dict[str, Take] = {DEFAULT: partial(fitting_inputs, specs=specs)}
    (name, spec), *others = specs.items()
    if not others and accepts_encoded_images(spec):
        takers[ENCODED] = _decoder(name, spec, watched.info)
    if watched.column_inputs:
        takers[COLUMNS] = partial(_stacked, name, watched.column_inputs)
    takers[EXAMPLES] = partial(_examples, watched, dict(takers))
    return takers


def _decoder(name: str, spec: tf.TensorSpec, info: DataInfo) -> Take:
    """What decodes images as the export does."""
    _, side, _, channels = spec.shape
    decode = tf.function(
        lambda file: decode_image(file, side, channels, info.image_form),
        input_signature=[tf.TensorSpec((), tf.string)],
        autograph=False,
    )

    def decoded(request: Request) -> Arrays:
        files = _only(request)
        try:
            return {name: np.stack([decode(file).numpy() for file in files])}
        except tf.errors.OpError:
            raise ValueError("an image cannot be decoded") from None

    return decoded


def _only(request: Request) -> np.ndarray:
    """The strings of a request that has no other input."""
    if len(request.inputs) != 1:
        raise ValueError("expected one input")
    specs = dict.fromkeys(request.inputs, _STRINGS)
    (strings,) = fitting_inputs(request, specs).values()
    return strings


def _stacked(name: str, inputs: Sequence[str], request: Request) -> Arrays:
    """A request with an input for each column, as rows."""
    columns = fitting_inputs(request, dict.fromkeys(inputs, _NUMBERS))
    return {name: np.stack([columns[each] for each in inputs], axis=1)}


def _examples(
    watched: Watched, takers: dict[str, Take], request: Request
) -> Arrays:
    """A request of serialized `tf.train.Example`s."""
    try:
        parsed = [tf.train.Example.FromString(x) for x in _only(request)]
    # protobuf raises an error of its own
    except Exception as error:
        raise ValueError("expected serialized tf.train.Example") from error
    rows = [
        {name: _values(x) for name, x in example.features.feature.items()}
        for example in parsed
    ]
    if ENCODED in takers and _has(rows, [_IMAGE]):
        files = [row[_IMAGE][0] for row in rows]
        found = Request(request.place, ENCODED, {ONE_INPUT: files})
    else:
        found = Request(request.place, DEFAULT, _inputs(watched, rows))
    return takers[found.signature](found)


def _inputs(watched: Watched, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Rows of features, by column or by input, as a request has them."""
    columns = watched.info.table_columns
    if columns and _has(rows, columns):
        return {ONE_INPUT: [[row[c][0] for c in columns] for row in rows]}
    found = {}
    for name, spec in watched.answers.inputs.items():
        if not _has(rows, [name]):
            raise ValueError(f"expected feature {name} in each example")
        shape = [side or -1 for side in spec.shape[1:]]
        found[name] = [_shaped(row[name], shape) for row in rows]
    return found


def _has(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> bool:
    """Whether each row has a value of each name."""
    return all(len(row.get(name, ())) for row in rows for name in names)


def _values(feature: tf.train.Feature) -> list[Any]:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


def _shaped(values: list[Any], shape: Sequence[int]) -> Any:
    """Values of one example, a single one for a scalar."""
    return np.array(values, object).reshape(shape).tolist()
