"""A signature of an export, with the examples that prove it."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError

Arrays = Mapping[str, np.ndarray]
Tensors = Mapping[str, tf.Tensor]
ServingFn = Callable[[Any], Tensors]
"""A model's inputs, a tensor or a dict of tensors → its outputs by name."""
IsUnsure = Callable[[Arrays], np.ndarray]
"""Outputs → which rows another rounding may answer otherwise."""


def sure(outputs: Arrays) -> np.ndarray:
    """Returns that no row is unsure: answers are numbers."""
    return np.zeros(len(next(iter(outputs.values()))), bool)


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A batch of inputs and the outputs expected for it.

    Attributes:
        inputs: input name to array; strings are `bytes`.
        outputs: output name to the expected array, for every output.
    """

    inputs: Arrays
    outputs: Arrays

    def __len__(self) -> int:
        """Returns how many examples there are."""
        return len(next(iter(self.inputs.values())))


@dataclasses.dataclass(frozen=True, eq=False)
class Signature:
    """One function of an export.

    Attributes:
        name: what clients call it by; an export must have a
            "serving_default", which TensorFlow Serving takes by default.
        function: tensors in the order of `inputs` → outputs by name.
        inputs: input name, as clients send it, to its spec with the batch
            axis.
        cases: what it is verified with before it is published.
        is_unsure: which rows of other outputs are no proof.
    """

    name: str
    function: Callable[..., Tensors]
    inputs: Mapping[str, tf.TensorSpec]
    cases: Sequence[Case]
    is_unsure: IsUnsure = sure


def cases(
    inputs: Arrays,
    outputs: Arrays,
    trim: Callable[[Arrays, Arrays], Arrays] | None = None,
) -> list[Case]:
    """Returns three cases of some rows: all, the first alone, the last alone.

    Args:
        inputs: input name to array, whose first axis is the row.
        outputs: output name to the expected array, likewise.
        trim: (inputs, outputs) of a case → its outputs, for outputs whose
            second axis is as long as the longest row of the batch.

    Raises:
        UserError: there are no rows.

    Example:

    >>> found = cases({"x": np.arange(3)}, {"y": 2 * np.arange(3)})
    >>> [case.outputs["y"].tolist() for case in found]
    [[0, 2, 4], [0], [4]]
    """
    if not all(map(len, inputs.values())):
        raise UserError(
            "Expected at least 1 example to verify an export, got 0: add "
            "examples to the test split."
        )
    found = []
    for rows in (slice(None), slice(1), slice(-1, None)):
        given = {name: array[rows] for name, array in inputs.items()}
        expected = {name: array[rows] for name, array in outputs.items()}
        found.append(Case(given, trim(given, expected) if trim else expected))
    return found


def traced_once(function: ServingFn) -> ServingFn:
    """Returns a function whose graph all signatures of an export share.

    Else each of them would hold the model's operations once more. Batches of
    a fixed size have a graph of their own, in which the size is known, as
    other formats need it. Eagerly it is the function itself.

    Args:
        function: of a tensor, or of tensors by name.
    """
    graphs: dict[int | None, Callable[..., Tensors]] = {}

    def shared(inputs: Any) -> Tensors:
        if tf.executing_eagerly():
            return function(inputs)
        # a tf.function alone would take the graph of any size for a fixed one
        size = tf.nest.flatten(inputs)[0].shape[0]
        if size not in graphs:
            graphs[size] = tf.function(function, autograph=False)
        return graphs[size](inputs)

    return shared


def write_saved_model(
    folder: str | os.PathLike, signatures: Sequence[Signature]
) -> None:
    """Writes a SavedModel, without XLA, which TensorFlow Serving refuses.

    Args:
        folder: where to write.
        signatures: what the SavedModel answers.
    """
    archive = keras.export.ExportArchive()
    # endpoints bring their variables; a model tracked beside them would bring
    # each once more
    for signature in signatures:
        specs = [
            # the name of a spec is that of the input
            tf.TensorSpec(spec.shape, spec.dtype, name)
            for name, spec in signature.inputs.items()
        ]
        archive.add_endpoint(signature.name, signature.function, specs)
    archive.write_out(os.fspath(folder), verbose=False)
