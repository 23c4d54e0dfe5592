"""What signatures take and answer, as export.json keeps it (no TensorFlow)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_ptft.serving.signatures.signature import Signature

TEXT = "text"
"""The input whose strings are texts; strings of other inputs are files."""

Described = Mapping[str, Mapping[str, Any]]
"""Signature name to its `inputs`, name to `dtype` and `shape` with the batch
axis (None: any length), and the names of its `outputs`."""

_DEFAULT = "serving_default"
_OF_FILES = "encoded_images"


def describe(signatures: "Sequence[Signature]") -> Described:
    """Returns what signatures take and answer.

    Args:
        signatures: each with a case.
    """
    return {
        signature.name: {
            "inputs": {
                name: {"dtype": spec.dtype.name, "shape": list(spec.shape)}
                for name, spec in signature.inputs.items()
            },
            "outputs": list(signature.cases[0].outputs),
        }
        for signature in signatures
    }


def first_choice(described: Described) -> str:
    """Returns the signature that a client asks unless told otherwise.

    Args:
        described: what a version answers.

    Example:

    >>> first_choice({"serving_default": {}, "encoded_images": {}})
    'encoded_images'
    """
    return _OF_FILES if _OF_FILES in described else _DEFAULT


def example_argument(described: Described) -> str:
    """Returns what a client may be called with.

    Args:
        described: what a version answers.
    """
    return _argument(described)[0]


def arguments(described: Described) -> str:
    """Returns all that a client may be called with, in words.

    Args:
        described: what a version answers.
    """
    return _argument(described)[1]


def open_inputs(described: Described) -> dict[str, str]:
    """Returns the inputs that have any length, by signature.

    Args:
        described: what a version answers.

    Example:

    >>> tokens = {"dtype": "int32", "shape": [None, None]}
    >>> open_inputs({"tokens": {"inputs": {"tokens": tokens}}})
    {'tokens': 'tokens'}
    """
    return {
        signature: name
        for signature, parts in described.items()
        for name, spec in parts["inputs"].items()
        if None in spec["shape"][1:]
    }


def _argument(described: Described) -> tuple[str, str]:
    inputs = described[first_choice(described)]["inputs"]
    if [spec["dtype"] for spec in inputs.values()] != ["string"]:
        return "rows.json", "files of rows, .json or .csv"
    if TEXT in inputs:
        return '"some text"', "texts, or files with a text a line"
    return "photo.jpg", "image files"
