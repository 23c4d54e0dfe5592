"""A signature with an input for each column of a table."""

import keyword
import logging
import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.serving.signatures.intake import first_rows
from keras_ptft.serving.signatures.signature import Case, Signature, Tensors

_LOG = logging.getLogger("keras_ptft")

MOST_COLUMNS = 200
"""Of a table with a signature of its own: a request names each column."""

# as in `examples`: what stacks the columns is proved by a few rows
_PROOFS = 16


def column_inputs(columns: Sequence[str]) -> dict[str, str]:
    """Returns a name of an input for each column of a table.

    It has letters, digits and underscores alone, begins with a letter, and
    is another for each column, also where case does not count.

    Args:
        columns: of the table, in order.

    Returns:
        Input name to column, in the same order.

    Example:

    >>> column_inputs(["sepal length (cm)", "2nd", "a-b", "A b", "长度"])
    ... # doctest: +NORMALIZE_WHITESPACE
    {'sepal_length_cm': 'sepal length (cm)', 'column_2nd': '2nd',
     'a_b': 'a-b', 'A_b_2': 'A b', 'column_5': '长度'}
    """
    names: dict[str, str] = {}
    for number, column in enumerate(columns, 1):
        name = re.sub("[^A-Za-z0-9]+", "_", column).strip("_") or str(number)
        if not name[0].isalpha():
            name = f"column_{name}"
        if keyword.iskeyword(name) or name == "self":
            name = f"{name}_"
        names[_unlike(name, names)] = column
    return names


def is_table(default: Signature, columns: Sequence[str]) -> bool:
    """Returns whether a model takes the rows of a table as vectors.

    Args:
        default: the signature that takes the model's inputs.
        columns: of the table; none: it is no table.
    """
    (spec, *others) = default.inputs.values()
    shape = spec.shape.as_list()
    return bool(columns) and not others and shape == [None, len(columns)]


def column_signature(
    default: Signature, columns: Sequence[str]
) -> Signature | None:
    """Returns a signature of the same answers for named columns.

    Args:
        default: takes vectors of as many numbers as there are columns.
        columns: of the table, in order.

    Returns:
        Signature `columns`, with a float32 input of shape (batch,) for each
        of `column_inputs`; None where there are more than MOST_COLUMNS.
    """
    if len(columns) > MOST_COLUMNS:
        _LOG.info(
            "The table has %s columns, signature columns is for at most %d: "
            "it is left out, serving_default takes rows of numbers.",
            f"{len(columns):,}",
            MOST_COLUMNS,
        )
        return None
    names = list(column_inputs(columns))
    (spec,) = default.inputs.values()

    def answer(*given: tf.Tensor) -> Tensors:
        return default.function(tf.cast(tf.stack(given, 1), spec.dtype))

    specs = {n: tf.TensorSpec((None,), tf.float32, n) for n in names}
    proofs = [_case(case, names) for case in default.cases]
    return Signature("columns", answer, specs, proofs)


def _unlike(name: str, names: dict[str, str]) -> str:
    """The name, or the same with the first number that makes it unlike."""
    taken = {other.lower() for other in names}
    found, number = name, 1
    while found.lower() in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _case(case: Case, names: Sequence[str]) -> Case:
    few = first_rows(case, _PROOFS)
    (rows,) = few.inputs.values()
    inputs = {
        name: rows[:, index].astype(np.float32)
        for index, name in enumerate(names)
    }
    return Case(inputs, few.outputs)
