"""A program that asks a server for answers of one model."""

from collections.abc import Mapping, Sequence

from keras_ptft.serving.bundle.rest_values import TEXT
from keras_ptft.serving.bundle.templates import rendered
from keras_ptft.serving.signatures.signature import Signature

CLIENT_FILE = "client.py"

_DEFAULT = "serving_default"
_OF_FILES = "encoded_images"
# outputs that have a number for each label
_SCORES = ("logits", "probabilities", "chosen")


def client_source(
    name: str,
    signatures: Sequence[Signature],
    *,
    label_names: Sequence[str],
    columns: Sequence[str],
) -> str:
    """Returns a client of a model: one Python file without requirements.

    Args:
        name: of the model, as `names.model_name` gives it.
        signatures: what the model answers, each with its cases.
        label_names: a name for each score; empty: there are none.
        columns: of the table that the numbers of a vector come from, in
            order; empty: not known.
    """
    inputs = _inputs(signatures)
    default = _default(inputs)
    example, arguments = _arguments(inputs[default])
    return rendered(
        CLIENT_FILE,
        model=name,
        example=example,
        arguments=arguments,
        default=default,
        inputs=inputs,
        outputs={sig.name: list(sig.cases[0].outputs) for sig in signatures},
        scores=_scores(signatures, len(label_names)),
        labels=label_names,
        columns=columns,
    )


def example_argument(signatures: Sequence[Signature]) -> str:
    """Returns what a client of a model may be called with.

    Args:
        signatures: what the model answers.
    """
    inputs = _inputs(signatures)
    return _arguments(inputs[_default(inputs)])[0]


def _inputs(signatures: Sequence[Signature]) -> dict[str, dict[str, str]]:
    """The type of each input, by signature and name."""
    return {
        sig.name: {name: spec.dtype.name for name, spec in sig.inputs.items()}
        for sig in signatures
    }


def _default(inputs: Mapping[str, Mapping[str, str]]) -> str:
    return _OF_FILES if _OF_FILES in inputs else _DEFAULT


def _arguments(inputs: Mapping[str, str]) -> tuple[str, str]:
    """What the program is called with: an example, and what there may be."""
    if list(inputs.values()) != ["string"]:
        return "rows.json", "files of rows, .json or .csv"
    if TEXT in inputs:
        return '"some text"', "texts, or files with a text a line"
    return "photo.jpg", "image files"


def _scores(signatures: Sequence[Signature], count: int) -> list[str]:
    """Names of the outputs whose numbers belong to labels."""
    shapes = {
        name: array.shape[1:]
        for signature in signatures
        for name, array in signature.cases[0].outputs.items()
    }
    return [name for name in _SCORES if shapes.get(name) == (count,)]
