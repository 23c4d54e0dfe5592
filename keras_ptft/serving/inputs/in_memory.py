"""Inputs that are in memory: arrays, and columns by name."""

import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.info import InputSpec
from keras_ptft.data.tables.columns_table import ColumnsTable
from keras_ptft.data.text.pairs import named_columns
from keras_ptft.errors import UserError, on_one_line
from keras_ptft.serving.inputs.array_files import array_batches
from keras_ptft.serving.inputs.arrays import Batch
from keras_ptft.serving.inputs.options import InputOptions
from keras_ptft.serving.inputs.tables import row_batches
from keras_ptft.serving.inputs.texts import cut, shortened, texts_of

Given = Sequence[str | os.PathLike] | np.ndarray | Mapping[str, Any]
"""Paths and texts; or examples, as an array or as columns by name."""

_NAME = "inputs"


def as_given(inputs: Any) -> Given:
    """Returns what a user hands over in one of the forms that are read.

    Args:
        inputs: a path or text or a list of them; numbers of any form that
            NumPy takes; a dict of columns, or what has `keys` as a DataFrame
            does.

    Raises:
        UserError: it is none of these.

    Example:

    >>> as_given("photos"), as_given([[1, 2]]).shape, as_given({"a": [1]})
    (['photos'], (1, 2), {'a': [1]})
    """
    if isinstance(inputs, str | os.PathLike):
        return [inputs]
    # a Series of pandas has keys too, those of its rows
    if hasattr(inputs, "keys") and getattr(inputs, "ndim", 2) == 2:
        return {str(name): inputs[name] for name in inputs}
    if not isinstance(inputs, Iterable):
        raise UserError(
            "Expected paths, texts, an array of examples or columns by name, "
            f"got {inputs!r}: give one of these."
        )
    if not isinstance(inputs, np.ndarray):
        listed = list(inputs)
        if all(isinstance(one, str | os.PathLike) for one in listed):
            return listed
        inputs = _array(listed)
    if inputs.dtype.kind not in "UO":
        return inputs
    texts = inputs.ravel().tolist()
    if not all(isinstance(text, str) for text in texts):
        raise UserError(
            "Expected texts, or numbers of one shape, got an array of Python "
            "objects: convert it."
        )
    return texts


def given_batches(
    inputs: np.ndarray | Mapping[str, Any],
    spec: InputSpec,
    options: InputOptions,
    *,
    batch_size: int = 256,
) -> Iterator[Batch]:
    """Cuts examples in memory into batches that a model takes.

    Args:
        inputs: of shape (examples, ...), where the axis of channels may be
            missing; or columns by name: of a model of several inputs an
            array of each, of others those of the table it was trained on.
        spec: the model's input, without the batch axis, or inputs by name.
        options: what is known of them.
        batch_size: largest number of examples in a batch.

    Yields:
        A name for each example, as `inputs[0]`, and the examples.

    Raises:
        UserError: the model does not take them.
    """
    path = pathlib.Path(_NAME)
    if isinstance(spec, Mapping):
        arrays = _named(inputs, spec)
        yield from array_batches(path, arrays, spec, batch_size)
    elif isinstance(inputs, Mapping) and spec.dtype == tf.string:
        yield from _texts(ColumnsTable(inputs, _NAME), options, batch_size)
    elif isinstance(inputs, Mapping) and spec.shape.rank == 1:
        table = ColumnsTable(inputs, _NAME)
        yield from row_batches(table, spec, options.columns, batch_size)
    elif isinstance(inputs, Mapping) or spec.dtype == tf.string:
        wanted = f"an array of shape (examples, {str(spec.shape)[1:]}"
        if spec.dtype == tf.string:
            wanted = "a list of texts"
        raise UserError(
            f"The model takes {wanted}, got {_described(inputs)}: give it that."
        )
    else:
        for names, batch in array_batches(
            path, {"": inputs}, {"": spec}, batch_size
        ):
            yield names, batch[""]


def _texts(
    table: ColumnsTable, options: InputOptions, batch_size: int
) -> Iterator[Batch]:
    texts = texts_of(table, named_columns(options.text_column), options.columns)
    for _, batch in cut(texts, batch_size, table.path):
        yield [shortened(text) for text in batch], batch


def _named(
    inputs: np.ndarray | Mapping[str, Any], specs: Mapping[str, tf.TensorSpec]
) -> dict[str, np.ndarray]:
    """An array for each input of a model."""
    found = inputs if isinstance(inputs, Mapping) else {}
    if set(specs) - set(found):
        raise UserError(
            f"The model takes {', '.join(specs)}, got {_described(inputs)}: "
            "give a dict with an array of each."
        )
    arrays = {name: np.asarray(found[name]) for name in specs}
    if len(counts := {len(array) for array in arrays.values()}) > 1:
        raise UserError(
            f"Expected as many examples of each of {', '.join(specs)}, got "
            f"{' and '.join(map(str, sorted(counts)))}: correct them."
        )
    return arrays


def _described(inputs: np.ndarray | Mapping[str, Any]) -> str:
    if isinstance(inputs, Mapping):
        return f"columns {', '.join(inputs) or 'without any name'}"
    return f"an array of shape {inputs.shape}"


def _array(inputs: Sequence[Any]) -> np.ndarray:
    try:
        return np.asarray(inputs)
    except ValueError as error:
        raise UserError(
            "Expected paths, texts, or examples of one shape, got a list that "
            f"is no array: {on_one_line(error)}"
        ) from error
