"""BERT, to be trained from nothing or filled with known weights."""

import keras
from keras import layers, ops

from keras_ptft.errors import check_range
from keras_ptft.models import tokens
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.transformer import check_sizes

POOLS = ("mean", "cls")
EPSILON = 1e-12
"""Of every layer normalisation."""


def bert(  # noqa: PLR0913, the settings are the user's
    given: BackboneInput,
    /,
    *,
    width: int = 256,
    depth: int = 4,
    heads: int = 4,
    ratio: int = 4,
    dropout: float = 0.1,
    longest: int = 512,
    pool: str = "mean",
    normalize: bool = False,
) -> keras.Model:
    """BERT: blocks of self-attention over a text in both directions.

    Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional
    Transformers for Language Understanding"; as small as "BERT-Mini" of
    Turc et al. 2019, "Well-Read Students Learn Better". The model puts
    [CLS] before a text and [SEP] behind it itself; "sequence" is without.

    Args:
        given: one text, as ids of its tokens.
        width: of a token's vector, in every block.
        depth: number of blocks.
        heads: number of attention heads, each width / heads wide.
        ratio: width of the hidden dense layers, as a multiple of `width`.
        dropout: rate on vectors, attention, and what each part adds.
        longest: number of positions, of which [CLS] and [SEP] take two;
            later tokens use the last one.
        pool: features are the "mean" of all rows, those of [CLS] and [SEP]
            included, or the row of [CLS], "cls".
        normalize: scale the features of each text to the length 1.

    Returns:
        Model "backbone" from ids to features of shape (batch, width), with
        the cut points embedding, positions, block1, ..., features.

    Raises:
        UserError: not a text, or a setting out of its range.

    Example:

    >>> import tensorflow as tf
    >>> given = BackboneInput(tf.TensorSpec([None]), vocabulary_size=10)
    >>> bert(given, width=4, heads=2, depth=1, longest=8).count_params()
    332
    """
    tokens.check_choice("pool", pool, POOLS)
    check_sizes(width, depth, heads, ratio, dropout)
    check_range("longest", longest, 3)
    ids = tokens.token_input(given)
    size = given.vocabulary_size
    x = tokens.embed(ids, size, width, initializer=_initializer())
    x = layers.Dropout(dropout, name="dropout")(_positioned(x, longest))
    for i in range(1, depth + 1):
        x = _block(x, f"block{i}", heads=heads, ratio=ratio, dropout=dropout)
    x = _pooled(x, pool)
    if normalize:
        x = ops.normalize(x)
    return tokens.backbone(ids, layers.Identity(name="features")(x))


def _positioned(x: keras.KerasTensor, longest: int) -> keras.KerasTensor:
    """Adds [CLS], [SEP] and positions: (batch, length + 2, width).

    [CLS] and [SEP] have vectors of their own, and not by their ids, so that
    all paths pass through "embedding".
    """
    mask = tokens.real(x)
    inner = ops.pad(mask, ((0, 0), (1, 1), (0, 0)))
    outer = ops.pad(mask, ((0, 0), (2, 0), (0, 0)), constant_values=1.0)
    position = ops.cumsum(ops.ones_like(outer[:1, :, 0]), axis=1) - 1.0
    ends = _table(2, x.shape[-1], "positions_ends")
    table = _table(longest, x.shape[-1], "positions_table")
    # what is behind [CLS] and in no text is [SEP]
    ends = ends(ops.cast(ops.minimum(position, 1), "int32"))
    x = ops.pad(x, ((0, 0), (1, 1), (0, 0))) + ends * (outer - inner)
    x += table(ops.cast(ops.minimum(position, longest - 1), "int32"))
    return tokens.zero_padded(_norm(x, "positions_norm"), outer, "positions")


def _block(
    x: keras.KerasTensor,
    name: str,
    *,
    heads: int,
    ratio: int,
    dropout: float,
) -> keras.KerasTensor:
    """Applies attention, then dense layers; each sum is normalised."""
    mask, width = tokens.real(x), x.shape[-1]
    attention = layers.MultiHeadAttention(
        heads,
        width // heads,
        dropout=dropout,
        kernel_initializer=_initializer(),
        name=f"{name}_attention",
    )
    y = attention(x, x, attention_mask=ops.transpose(mask, (0, 2, 1)))
    y = layers.Dropout(dropout, name=f"{name}_attention_dropout")(y)
    y = layers.Add(name=f"{name}_attention_added")([x, y])
    x = _norm(y, f"{name}_attention_norm")
    hidden = layers.Dense(
        ratio * width,
        activation="gelu",
        kernel_initializer=_initializer(),
        name=f"{name}_dense_hidden",
    )
    dense = layers.Dense(
        width, kernel_initializer=_initializer(), name=f"{name}_dense"
    )
    y = dense(hidden(x))
    y = layers.Dropout(dropout, name=f"{name}_dense_dropout")(y)
    y = layers.Add(name=f"{name}_dense_added")([x, y])
    return tokens.zero_padded(_norm(y, f"{name}_dense_norm"), mask, name)


def _pooled(x: keras.KerasTensor, kind: str) -> keras.KerasTensor:
    """Reduces each text to one vector, float32 of shape (batch, width).

    The layer "sequence" is on the way, whatever the pool: a model has only
    the layers that its output needs.
    """
    mask = tokens.real(x)
    # there is a token where there is a row two further on
    sequence = tokens.zero_padded(x[:, 1:-1], mask[:, 2:], "sequence")
    last = mask - ops.pad(mask[:, 1:], ((0, 0), (0, 1), (0, 0)))
    sep = ops.sum(x * last, axis=1, keepdims=True)
    x = ops.concatenate([x[:, :1], sequence, sep], axis=1)
    if kind == "cls":
        return ops.cast(x[:, 0], "float32")
    return tokens.pool(x, tokens.real(x), kind)


def _table(size: int, width: int, name: str) -> layers.Embedding:
    return layers.Embedding(
        size, width, embeddings_initializer=_initializer(), name=name
    )


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.LayerNormalization(epsilon=EPSILON, name=name)(x)


def _initializer() -> keras.initializers.Initializer:
    return keras.initializers.TruncatedNormal(stddev=0.02)
