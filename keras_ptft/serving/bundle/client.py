"""A program that asks a server for answers of one model."""

from collections.abc import Sequence

from keras_ptft.serving.bundle.descriptions import (
    arguments,
    describe,
    example_argument,
    first_choice,
)
from keras_ptft.serving.bundle.templates import rendered
from keras_ptft.serving.signatures.signature import Signature

CLIENT_FILE = "client.py"

_BATCH = 32
# outputs that have a number for each label
_SCORES = ("logits", "probabilities", "chosen")


def client_source(
    name: str,
    signatures: Sequence[Signature],
    *,
    label_names: Sequence[str],
    columns: Sequence[str],
    largest_batch: int = 0,
) -> str:
    """Returns a client of a model: one Python file without requirements.

    Args:
        name: of the model, as `names.model_name` gives it.
        signatures: what the model answers, each with its cases.
        label_names: a name for each score; empty: there are none.
        columns: of the table that the numbers of a vector come from, in
            order; empty: not known.
        largest_batch: examples of a request that the model takes; 0: any
            number.
    """
    described = describe(signatures)
    return rendered(
        CLIENT_FILE,
        model=name,
        example=example_argument(described),
        arguments=arguments(described),
        default=first_choice(described),
        inputs={
            signature: {k: spec["dtype"] for k, spec in parts["inputs"].items()}
            for signature, parts in described.items()
        },
        outputs={
            signature: parts["outputs"]
            for signature, parts in described.items()
        },
        scores=_scores(signatures, len(label_names)),
        labels=label_names,
        columns=columns,
        batch=min(largest_batch or _BATCH, _BATCH),
    )


def _scores(signatures: Sequence[Signature], count: int) -> list[str]:
    """Names of the outputs whose numbers belong to labels."""
    shapes = {
        name: array.shape[1:]
        for signature in signatures
        for name, array in signature.cases[0].outputs.items()
    }
    return [name for name in _SCORES if shapes.get(name) == (count,)]
