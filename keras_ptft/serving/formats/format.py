"""What a format is: how a model is written in it, and how that runs."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from keras_ptft.serving.signatures.signature import (
    Arrays,
    Case,
    Signature,
    Tensors,
)

Run = Callable[[Arrays], Arrays]
"""Inputs by name → outputs by name, each of shape (batch, ...)."""

SAVED_MODEL = "saved_model"
"""The format that is always there, which the others are compared with."""
NO_QUANTIZATION = "none"
SIGNATURES = "serving_default", "tokens"
"""What may be converted; the first of them that takes no strings."""


@dataclasses.dataclass(frozen=True, eq=False)
class Conversion:
    """A model that is to be written in a format.

    Attributes:
        saved_model: folder of a SavedModel with `signature` alone, which it
            calls "serving_default".
        signature: takes and gives no strings.
        quantize: NO_QUANTIZATION, or one of the format's.
        calibration: real inputs of training, each a batch of one, by which
            "int8" finds the range of every tensor.
    """

    saved_model: pathlib.Path
    signature: Signature
    quantize: str = NO_QUANTIZATION
    calibration: Sequence[Arrays] = ()


@dataclasses.dataclass(frozen=True)
class Format:
    """A row of FORMATS.

    Attributes:
        files: names of the model's files; the first is what is loaded.
        packages: name that is imported → name that is installed; the
            runtime comes first.
        quantizations: what --quantize may be beside "none".
        convert: writes a model to a path.
        load: the path → what runs the model on a CPU.
    """

    files: tuple[str, ...]
    packages: Mapping[str, str]
    quantizations: tuple[str, ...]
    convert: Callable[[Conversion, pathlib.Path], None]
    load: Callable[[pathlib.Path], Run]


class NoEquivalent(Exception):
    """A format cannot say what a model does.

    Args:
        operations: of TensorFlow.
    """

    def __init__(self, operations: Iterable[str]) -> None:
        super().__init__(f"it has no {', '.join(sorted(set(operations)))}")


def of_numbers(signatures: Sequence[Signature]) -> Signature | None:
    """Returns what other formats can have of a version.

    Args:
        signatures: of the version.

    Returns:
        The first of SIGNATURES that takes no strings, without the strings
        that it gives; None: there is none.
    """
    by_name = {signature.name: signature for signature in signatures}
    for name in SIGNATURES:
        found = by_name.get(name)
        if found and not _takes_strings(found):
            return _without_strings(found)
    return None


def _takes_strings(signature: Signature) -> bool:
    return any(spec.dtype == "string" for spec in signature.inputs.values())


def _without_strings(signature: Signature) -> Signature:
    def function(*inputs: object) -> Tensors:
        outputs = signature.function(*inputs)
        return {k: v for k, v in outputs.items() if v.dtype != "string"}

    cases = [
        Case(case.inputs, _numbers(case.outputs)) for case in signature.cases
    ]
    return dataclasses.replace(signature, function=function, cases=cases)


def _numbers(outputs: Arrays) -> Arrays:
    return {k: v for k, v in outputs.items() if v.dtype.kind not in "OSU"}
