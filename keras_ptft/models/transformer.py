"""Transformer encoders, and decoders where they are causal."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_ptft.errors import UserError, check_range
from keras_ptft.models import tokens
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.rematerialize import mark

POSITIONS = ("sinusoidal", "learned")


def transformer(  # noqa: PLR0913, the settings are the user's
    given: BackboneInput,
    /,
    *,
    width: int = 128,
    depth: int = 2,
    heads: int = 4,
    ratio: int = 4,
    dropout: float = 0.1,
    positions: str = "sinusoidal",
    longest: int = 512,
    causal: bool = False,
    pool: str = "mean",
    rematerialize: bool = False,
) -> keras.Model:
    """Blocks of self-attention and dense layers over a text.

    Vaswani et al. 2017, "Attention Is All You Need"; each part normalises
    its input (Xiong et al. 2020, "On Layer Normalization in the Transformer
    Architecture").

    Args:
        given: one text, as ids of its tokens.
        width: of a token's vector, in every block.
        depth: number of blocks.
        heads: number of attention heads, each width / heads wide.
        ratio: width of the hidden dense layers, as a multiple of `width`.
        dropout: rate on the vectors and on what each part adds to them.
        positions: "sinusoidal", or "learned" for the first `longest`.
        longest: number of learned positions; later tokens use the last one.
        causal: whether no token attends to later ones.
        pool: "mean", "max" or "last" of all tokens' vectors.
        rematerialize: recompute activations inside of blocks for gradients:
            a third of the memory, more time.

    Returns:
        Model "backbone" from ids to features of shape (batch, width), with
        the cut points embedding, positions, block1, ..., sequence, features.

    Raises:
        UserError: not a text, or a setting out of its range.

    Example:

    >>> import tensorflow as tf
    >>> given = BackboneInput(tf.TensorSpec([None]), vocabulary_size=10)
    >>> transformer(given, width=4, heads=2, depth=1).count_params()
    292
    """
    tokens.check_choice("positions", positions, POSITIONS)
    tokens.check_choice("pool", pool, tokens.POOLS)
    check_sizes(width, depth, heads, ratio, dropout)
    ids = tokens.token_input(given)
    learned = longest if positions == "learned" else 0
    x = _embedded(ids, given.vocabulary_size, width, learned)
    x = layers.Dropout(dropout, name="dropout")(x)
    shape = {"heads": heads, "ratio": ratio, "dropout": dropout}
    x = _blocks(x, depth, rematerialize, causal=causal, **shape)
    x = tokens.pool(x, tokens.real(x), pool)
    return tokens.backbone(ids, layers.Identity(name="features")(x))


def sinusoid(position: Any, width: int) -> Any:
    """Encodes positions as waves (Vaswani et al. 2017, section 3.5).

    Args:
        position: float32 positions from 0, of shape (..., 1).
        width: of a position's vector.

    Returns:
        float32 of shape (..., width): sin(p / 10000^(2i / width)) at 2i, and
        the cosine at 2i + 1.

    Example:

    >>> sinusoid(np.array([1.0], np.float32), 2).numpy().round(4).tolist()
    [0.8414999842643738, 0.5403000116348267]
    """
    even = np.arange(width) // 2 * 2
    rates = (10000.0 ** (-even / width)).astype(np.float32)
    # a cosine is a sine a quarter turn ahead
    ahead = (np.arange(width) % 2 * np.pi / 2).astype(np.float32)
    return ops.sin(position * rates + ahead)


def _embedded(
    ids: keras.KerasTensor, size: int, width: int, learned: int
) -> keras.KerasTensor:
    """Adds the vectors of tokens and of their positions."""
    # of variance 1 once they are scaled up, as the paper's section 3.4 does
    initializer = keras.initializers.RandomNormal(stddev=width**-0.5)
    x = tokens.embed(ids, size, width, initializer=initializer)
    mask = tokens.real(x)
    position = ops.cumsum(ops.ones_like(mask[:1, ...]), axis=1) - 1.0
    if learned:
        table = layers.Embedding(
            learned,
            width,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=0.1),
            name="position_table",
        )
        index = ops.minimum(position[..., 0], learned - 1)
        encoded = table(ops.cast(index, "int32"))
    else:
        encoded = sinusoid(position, width)
    return tokens.zero_padded(x * width**0.5 + encoded, mask, "positions")


def _blocks(
    x: keras.KerasTensor, depth: int, rematerialize: bool, **settings: Any
) -> keras.KerasTensor:
    """Applies the blocks, then normalises each token's vector."""
    if rematerialize:
        x = mark(x, 0)
    for i in range(1, depth + 1):
        x = _block(x, f"block{i}", **settings)
        if rematerialize:
            x = mark(x, i)
    return tokens.zero_padded(normalized(x, "norm"), tokens.real(x), "sequence")


def _block(
    x: keras.KerasTensor, name: str, *, causal: bool, **settings: Any
) -> keras.KerasTensor:
    """Applies a block to texts, whose padding stays zero."""
    mask = tokens.real(x)
    attending: dict[str, Any] = {"use_causal_mask": True}
    if not causal:
        # with a causal mask no token sees padding: it comes after the text
        attending = {"attention_mask": ops.transpose(mask, (0, 2, 1))}
    last = f"{name}_dense_added"
    x = residual_block(x, name, last=last, attending=attending, **settings)
    return tokens.zero_padded(x, mask, name)


def residual_block(
    x: keras.KerasTensor,
    name: str,
    *,
    heads: int,
    ratio: int,
    dropout: float,
    last: str,
    attending: dict[str, Any] | None = None,
) -> keras.KerasTensor:
    """Applies attention, then dense layers; each adds to its input.

    Args:
        x: (batch, length, width).
        name: of the block; its layers are named `<name>_...`.
        heads: number of attention heads, a divisor of the width.
        ratio: width of the hidden dense layer, as a multiple of the width.
        dropout: rate on what each part adds.
        last: name of the last layer.
        attending: further arguments of attention's call, as its mask; None:
            all attend to all.

    Returns:
        (batch, length, width).
    """
    width = x.shape[-1]
    y = normalized(x, f"{name}_attention_norm")
    # Keras takes the heads for a window of a convolution, and would start
    # far too small
    attention = layers.MultiHeadAttention(
        heads,
        width // heads,
        kernel_initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
        name=f"{name}_attention",
    )
    y = attention(y, y, **(attending or {}))
    y = layers.Dropout(dropout, name=f"{name}_attention_dropout")(y)
    stream = layers.Add(name=f"{name}_attention_added")([x, y])
    y = normalized(stream, f"{name}_dense_norm")
    hidden = layers.Dense(
        ratio * width, activation="gelu", name=f"{name}_dense_hidden"
    )
    y = layers.Dense(width, name=f"{name}_dense")(hidden(y))
    y = layers.Dropout(dropout, name=f"{name}_dense_dropout")(y)
    return layers.Add(name=last)([stream, y])


def normalized(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Normalises each token's vector to mean 0 and variance 1, then scales."""
    return layers.LayerNormalization(epsilon=1e-5, name=name)(x)


def check_sizes(
    width: int, depth: int, heads: int, ratio: int, dropout: float
) -> None:
    """Raises a UserError unless a transformer can have these sizes."""
    sizes = {"width": width, "heads": heads, "depth": depth, "ratio": ratio}
    for setting, value in sizes.items():
        check_range(setting, value, 1)
    check_range("dropout", dropout, 0.0, 0.99)
    if width % heads:
        raise UserError(
            f"Setting 'width' must be a multiple of the {heads} heads, got "
            f"{width}: use {max(width // heads, 1) * heads}."
        )
