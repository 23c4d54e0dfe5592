"""Other forms of a request for what a model answers."""

from collections.abc import Mapping, Sequence

from keras_ptft.serving.signatures.columns import (
    column_inputs,
    column_signature,
    is_table,
)
from keras_ptft.serving.signatures.examples import (
    Reply,
    api_signature,
    example_signature,
)
from keras_ptft.serving.signatures.signature import Signature


def ways_in(
    own: Sequence[Signature],
    columns: Sequence[str],
    replies: Mapping[str, Reply],
) -> list[Signature]:
    """Returns signatures that answer as `serving_default` does.

    They are `columns` of a table, `examples` of every model, and those of
    APIs of TensorFlow Serving.

    Args:
        own: the signatures of the answer, `serving_default` first.
        columns: of the table that the model was trained on, in order; none:
            it was no table.
        replies: name of a signature to what its API wants of the answer.
    """
    by_name = {signature.name: signature for signature in own}
    default = by_name["serving_default"]
    base = by_name.get("encoded_images", default)
    features: Mapping[str, str] = {}
    found: list[Signature] = []
    if is_table(default, columns):
        named = column_signature(default, columns)
        if named is not None:
            # clients of examples have the names of the table
            base, features = named, column_inputs(columns)
            found.append(named)
    examples = example_signature(base, features)
    if examples is None:
        return found
    found.append(examples)
    return found + [
        api_signature(examples, name, reply) for name, reply in replies.items()
    ]
