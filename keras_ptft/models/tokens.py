"""Ids of tokens as vectors, and what padding means to every layer.

A layer that is a cut point gives rows of zeros where a text is padded. So
what is real is seen in that tensor itself, wherever a model is cut, and
padding changes no result.
"""

import keras
import tensorflow as tf
from keras import layers, ops

from keras_ptft.errors import UserError, check_range

POOLS = ("mean", "max", "last")
# no real feature is as low, and float32 holds it
_LOWEST = -3e38


def token_input(spec: tf.TensorSpec) -> keras.KerasTensor:
    """The input of a backbone for texts.

    Args:
        spec: one text as ids: int32 of shape (None,), or (None, n) where a
            token has n ids; 0 pads on the right.

    Raises:
        UserError: the input is no text.
    """
    if not is_text(spec):
        raise UserError(
            f"This backbone needs texts, got {spec.name} of shape "
            f"{tuple(spec.shape)}: use --backbone=mlp, or one for images."
        )
    return keras.Input(spec.shape, dtype="int32", name="tokens")


def is_text(spec: tf.TensorSpec) -> bool:
    """Whether one input is a text, as ids of its tokens."""
    return spec.name == "tokens"


def embed(
    ids: keras.KerasTensor, size: int, width: int, *, initializer="uniform"
) -> keras.KerasTensor:
    """Ids → vectors of shape (batch, length, width), named "embedding".

    Where a token has several ids its vector is the mean of theirs
    (Bojanowski et al. 2017, "Enriching Word Vectors with Subword
    Information"). The layer "embedding_table" holds the vectors.

    Args:
        ids: (batch, length) or (batch, length, n), 0 where there is none.
        size: how many ids there are.
        width: numbers a vector.
        initializer: of the vectors.
    """
    check_range("width", width, 1)
    given = ops.cast(ops.not_equal(ids, 0), "float32")
    table = layers.Embedding(
        size, width, embeddings_initializer=initializer, name="embedding_table"
    )
    if len(ids.shape) == 2:
        return zero_padded(table(ids), given[..., None], "embedding")
    share = given / ops.maximum(ops.sum(given, axis=-1, keepdims=True), 1.0)
    mean = ops.sum(table(ids) * share[..., None], axis=2)
    return layers.Identity(name="embedding")(mean)


def real(x: keras.KerasTensor) -> keras.KerasTensor:
    """Which rows are no padding: float32 of shape (batch, length, 1)."""
    return ops.cast(ops.any(x, axis=-1, keepdims=True), "float32")


def zero_padded(
    x: keras.KerasTensor, mask: keras.KerasTensor, name: str
) -> keras.KerasTensor:
    """The rows of x where mask is 1, zeros where it is 0; a cut point."""
    return layers.Multiply(name=name)([x, mask])


def pool(
    x: keras.KerasTensor, mask: keras.KerasTensor, kind: str
) -> keras.KerasTensor:
    """One float32 vector a text, of shape (batch, width); 0 of an empty one.

    Args:
        x: (batch, length, width), zeros where padded.
        mask: as `real` gives it.
        kind: "mean", "max" or "last" of the real rows.
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
    """The order that reads each text backwards, padding still on the right.

    Args:
        mask: as `real` gives it.

    Returns:
        int32 of shape (batch, length): for `reorder`.
    """
    real_ones = ops.cast(ops.squeeze(mask, -1), "int32")
    ones = ops.ones_like(real_ones)
    place = ops.cumsum(ones, axis=1) - 1
    turned = ops.sum(real_ones, axis=1, keepdims=True) - 1 - place
    columns = ops.sum(ones, axis=1, keepdims=True)
    start = ops.cumsum(columns, axis=0) - columns
    return start + ops.where(turned >= 0, turned, place)


def reorder(
    x: keras.KerasTensor, order: keras.KerasTensor
) -> keras.KerasTensor:
    """The rows of x, (batch, length, width), in the order of `backwards`.

    One gather from all rows of all texts: the fastest way.
    """
    rows = ops.reshape(x, (-1, x.shape[-1]))
    return ops.take(rows, order, axis=0)


def backbone(
    inputs: keras.KerasTensor, features: keras.KerasTensor
) -> keras.Model:
    """The functional model "backbone", the same in every process."""
    return numbered(keras.Model(inputs, features, name="backbone"))


def numbered(model: keras.Model) -> keras.Model:
    """A functional model whose operations are named by its own count.

    Keras numbers operations without a name through the life of a process;
    a model's own count makes equal models equal files.
    """
    unnamed = (o for o in model.operations if not isinstance(o, keras.Layer))
    for number, operation in enumerate(unnamed, 1):
        operation.name = f"operation{number}"
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
