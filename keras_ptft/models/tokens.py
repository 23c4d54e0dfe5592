"""Ids of tokens as vectors, and what padding means to every layer.

A layer that is a cut point gives rows of zeros where a text is padded. So
the mask can be computed from that tensor alone, wherever a model is cut, and
padding changes no result.
"""

from typing import Any

import keras
from keras import layers, ops

from keras_ptft.errors import UserError, check_range
from keras_ptft.models.backbone_input import OTHER_BACKBONE, BackboneInput

POOLS = ("mean", "max", "last")
# below any real feature, and within float32
_LOWEST = -3e38


def token_input(given: BackboneInput) -> keras.KerasTensor:
    """Makes the input of a backbone for texts.

    Args:
        given: one text as ids: int32 of shape (None,), or (None, n) where a
            token has n ids; 0 pads on the right.

    Returns:
        int32 of shape (batch, length) or (batch, length, n).

    Raises:
        UserError: the input is not a text, or there are several inputs.
    """
    spec = given.single_spec()
    if not given.is_text:
        raise UserError(
            f"This backbone needs texts, got {spec.name} of shape "
            f"{tuple(spec.shape)}: {OTHER_BACKBONE}."
        )
    return keras.Input(spec.shape, dtype="int32", name="tokens")


def embed(
    ids: keras.KerasTensor,
    size: int,
    width: int,
    *,
    initializer: Any = "uniform",
) -> keras.KerasTensor:
    """Looks up the vectors of ids; a cut point named "embedding".

    Where a token has several ids its vector is the mean of theirs
    (Bojanowski et al. 2017, "Enriching Word Vectors with Subword
    Information"). The layer "embedding_table" holds the vectors.

    Args:
        ids: (batch, length) or (batch, length, n), 0 where there is none.
        size: number of ids.
        width: of a vector.
        initializer: of the vectors.

    Returns:
        (batch, length, width).
    """
    check_range("width", width, 1)
    given = ops.cast(ops.not_equal(ids, 0), "float32")
    table = layers.Embedding(
        size, width, embeddings_initializer=initializer, name="embedding_table"
    )
    if len(ids.shape) == 2:
        return zero_padded(table(ids), given[..., None], "embedding")
    part = given / ops.maximum(ops.sum(given, axis=-1, keepdims=True), 1.0)
    mean = ops.sum(table(ids) * part[..., None], axis=2)
    return layers.Identity(name="embedding")(mean)


def real(x: keras.KerasTensor) -> keras.KerasTensor:
    """Computes a mask of the rows that are not padding.

    Args:
        x: (batch, length, width), zeros where padded.

    Returns:
        float32 of shape (batch, length, 1).
    """
    return ops.cast(ops.any(x, axis=-1, keepdims=True), "float32")


def zero_padded(
    x: keras.KerasTensor, mask: keras.KerasTensor, name: str
) -> keras.KerasTensor:
    """Sets the rows of x to zero where the mask is 0; a cut point."""
    return layers.Multiply(name=name)([x, mask])


def pool(
    x: keras.KerasTensor, mask: keras.KerasTensor, kind: str
) -> keras.KerasTensor:
    """Reduces each text to one vector, zeros for an empty text.

    Args:
        x: (batch, length, width), zeros where padded.
        mask: as returned by `real`.
        kind: "mean", "max" or "last" of the rows that are not padding.

    Returns:
        float32 of shape (batch, width).
    """
    x = ops.cast(x, "float32")
    count = ops.sum(mask, axis=1)
    if kind == "mean":
        return ops.sum(x, axis=1) / ops.maximum(count, 1.0)
    if kind == "last":
        last = ops.equal(ops.cumsum(mask, axis=1), count[:, None])
        return ops.sum(x * mask * ops.cast(last, "float32"), axis=1)
    highest = ops.max(ops.where(mask > 0, x, _LOWEST), axis=1)
    return highest * ops.minimum(count, 1.0)


def backwards(mask: keras.KerasTensor) -> keras.KerasTensor:
    """Computes the order that reverses each text and leaves padding last.

    Args:
        mask: as returned by `real`.

    Returns:
        int32 of shape (batch, length), to be given to `reorder`.
    """
    rows = ops.cast(ops.squeeze(mask, -1), "int32")
    ones = ops.ones_like(rows)
    position = ops.cumsum(ones, axis=1) - 1
    reverse = ops.sum(rows, axis=1, keepdims=True) - 1 - position
    length = ops.sum(ones, axis=1, keepdims=True)
    start = ops.cumsum(length, axis=0) - length
    return start + ops.where(reverse >= 0, reverse, position)


def reorder(
    x: keras.KerasTensor, order: keras.KerasTensor
) -> keras.KerasTensor:
    """Puts the rows of each text in an order.

    It is one gather from all rows of all texts, which is fastest.

    Args:
        x: (batch, length, width).
        order: as returned by `backwards`.

    Returns:
        (batch, length, width).
    """
    rows = ops.reshape(x, (-1, x.shape[-1]))
    return ops.take(rows, order, axis=0)


def backbone(
    inputs: keras.KerasTensor, features: keras.KerasTensor
) -> keras.Model:
    """Makes the functional model "backbone", the same in every process."""
    return numbered(keras.Model(inputs, features, name="backbone"))


def numbered(
    model: keras.Model, backbone: keras.Model | None = None
) -> keras.Model:
    """Renames the operations of a functional model by a count of its own.

    Keras numbers unnamed operations through the life of a process; with a
    count per model, equal models are saved as equal files.

    Args:
        model: functional.
        backbone: the part of it whose operations have their names already;
            None: there is none.

    Returns:
        The same model.
    """
    named = set(map(id, backbone.operations)) if backbone else ()
    prefix = "head_operation" if backbone else "operation"
    unnamed = (
        operation
        for operation in model.operations
        if not isinstance(operation, keras.Layer) and id(operation) not in named
    )
    for number, operation in enumerate(unnamed, 1):
        operation.name = f"{prefix}{number}"
    return model


def check_choice(setting: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises a UserError unless `value` is one of `choices`.

    Example:

    >>> check_choice("pool", "sum", ("mean", "max"))
    Traceback (most recent call last):
    keras_ptft.errors.UserError: Setting 'pool' must be mean or max, got 'sum'.
    """
    if value not in choices:
        *others, last = choices
        raise UserError(
            f"Setting {setting!r} must be {', '.join(others)} or {last}, "
            f"got {value!r}."
        )
