"""What an export takes of a request, and how it refuses the rest."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.serving.signatures.labels import trimmed
from keras_ptft.serving.signatures.signature import (
    Case,
    Signature,
    Tensors,
)

REFUSE, FLAG = "refuse", "flag"
"""What becomes of a request with an image that cannot be decoded."""

TEXT_INPUT = "text"
"""The input of texts, whatever the signature."""


@dataclasses.dataclass(frozen=True)
class Intake:
    """How requests are met that are too large or damaged.

    Attributes:
        corrupt_images: REFUSE, or FLAG: the other images are answered.
        most_pixels: of an encoded image, as its header declares; 0: as many
            as are ever decoded, `data.images.formats.MOST_PIXELS`.
        most_text_bytes: of a text in UTF-8; 0: no limit.
        largest_batch: examples of a request; 0: no limit.

    Example:

    >>> Intake(largest_batch=8).most_pixels == 2**26
    True
    """

    corrupt_images: str = REFUSE
    most_pixels: int = 2**26
    most_text_bytes: int = 1_000_000
    largest_batch: int = 4096


DEFAULT_INTAKE = Intake()


def limited(signature: Signature, intake: Intake) -> Signature:
    """Returns a signature that refuses requests beyond the limits.

    An error names the limit, what came, and what to do. Cases beyond the
    limits are cut into several, or left out.

    Args:
        signature: takes examples along the first axis of each input.
        intake: the limits; those of pixels are of what decodes them.
    """
    names = list(signature.inputs)
    of_texts = takes_texts(signature)
    most_bytes = intake.most_text_bytes if of_texts else 0

    def function(*tensors: tf.Tensor) -> Tensors:
        given = dict(zip(names, tensors, strict=True))
        checks = [_count_is_allowed(tensors[0], intake)]
        if of_texts:
            checks.append(_texts_are_allowed(given[TEXT_INPUT], intake))
        with tf.control_dependencies(checks):
            passed = [tf.identity(tensor) for tensor in tensors]
        return signature.function(*passed)

    found = [
        part
        for case in signature.cases
        for part in _within(case, most_bytes, intake.largest_batch)
    ]
    return dataclasses.replace(signature, function=function, cases=found)


def takes_texts(signature: Signature) -> bool:
    """Returns whether a signature takes texts, by the name TEXT_INPUT."""
    taken = signature.inputs.get(TEXT_INPUT)
    # a column of numbers may have that name too
    return taken is not None and taken.dtype == tf.string


def demand(
    is_met: tf.Tensor, told: Callable[[], Sequence[str | tf.Tensor]]
) -> tf.Tensor:
    """Raises an error, eagerly or in a graph, unless a condition is met.

    Args:
        is_met: bool scalar.
        told: returns parts of the message, strings or scalars; it is called
            where the condition is not met.

    Returns:
        Tensor that others are to depend on.

    Raises:
        tf.errors.InvalidArgumentError: the condition is not met.
    """

    def failed() -> tf.Tensor:
        parts = [
            part
            if isinstance(part, str) or part.dtype == tf.string
            else tf.strings.as_string(part)
            for part in told()
        ]
        told_so = tf.raw_ops.Assert(
            condition=tf.constant(False), data=[tf.strings.join(parts)]
        )
        with tf.control_dependencies([told_so]):
            return tf.constant(False)

    return tf.cond(is_met, lambda: tf.constant(True), failed)


def first_of(where: tf.Tensor) -> tf.Tensor:
    """Returns the index of the first true value, int64 scalar."""
    return tf.argmax(tf.cast(where, tf.int32))


def rows_of(case: Case, rows: np.ndarray) -> Case:
    """Returns some rows of a case.

    Args:
        case: whose inputs and outputs have a row for each example.
        rows: their indices, at least one.
    """
    inputs = {name: values[rows] for name, values in case.inputs.items()}
    outputs = {name: values[rows] for name, values in case.outputs.items()}
    return Case(inputs, trimmed(outputs))


def first_rows(case: Case, most: int) -> Case:
    """Returns the first rows of a case, as many as there are at most."""
    return rows_of(case, np.arange(min(most, len(case))))


def _within(case: Case, most_bytes: int, largest_batch: int) -> Iterator[Case]:
    rows = np.arange(len(case))
    if most_bytes:
        sizes = np.array([len(text) for text in case.inputs[TEXT_INPUT]])
        rows = np.flatnonzero(sizes <= most_bytes)
    step = largest_batch or len(rows)
    for start in range(0, len(rows), max(step, 1)):
        yield rows_of(case, rows[start : start + step])


def _count_is_allowed(tensor: tf.Tensor, intake: Intake) -> tf.Tensor:
    most, count = intake.largest_batch, tf.shape(tensor)[0]
    if not most:
        return tf.constant(True)
    return demand(
        count <= most,
        lambda: [
            f"Expected at most {most} examples in a request, got ",
            count,
            ": send them in parts, or export with another --largest_batch.",
        ],
    )


def _texts_are_allowed(texts: tf.Tensor, intake: Intake) -> tf.Tensor:
    most = intake.most_text_bytes
    if not most:
        return tf.constant(True)
    sizes = tf.strings.length(texts)
    is_long = sizes > most

    def told() -> list[str | tf.Tensor]:
        row = first_of(is_long)
        return [
            f"Expected texts of at most {most} bytes, got ",
            sizes[row],
            " in row ",
            row,
            ": shorten it, or export with another --most_text_bytes.",
        ]

    return demand(~tf.reduce_any(is_long), told)
