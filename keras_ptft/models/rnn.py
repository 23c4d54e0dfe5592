"""Recurrent networks over a text, or over the rows of an image."""

import keras
import tensorflow as tf
from keras import layers, ops

from keras_ptft.errors import UserError, check_range
from keras_ptft.models import tokens
from keras_ptft.models.normalization import Moments, preprocess

CELLS = {"simple": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}


def rnn(  # noqa: PLR0913, the settings are the user's
    spec: tf.TensorSpec,
    scaling: int | Moments,
    /,
    *,
    cell: str = "lstm",
    units: int = 128,
    depth: int = 1,
    bidirectional: bool = False,
    width: int = 64,
    dropout: float = 0.0,
    pool: str = "last",
) -> keras.Model:
    """Recurrent layers, one step a token or a row of pixels.

    A simple cell is h_t = tanh(W x_t + U h_(t-1) + b). Hochreiter and
    Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, "Learning
    Phrase Representations using RNN Encoder-Decoder" (GRU). In one
    direction, no step sees what comes after it.

    Args:
        spec: one text, as ids of its tokens, or one image of shape
            (height, width, channels).
        scaling: of a text, how many ids there are; of an image, mean and
            variance (see `normalization`).
        cell: "simple", "lstm" or "gru".
        units: units of each layer, in each direction.
        depth: recurrent layers, one on the other.
        bidirectional: also read backwards, and concatenate.
        width: numbers a token's vector; no matter for images.
        dropout: rate after each layer, not from step to step.
        pool: "mean", "max" or "last" (of each direction) of all steps.

    Returns:
        Model "backbone" from ids or pixels to features of shape
        (batch, units), twice that in both directions, with the cut points
        embedding, rnn1, ..., sequence, features.

    Raises:
        UserError: neither text nor image, or a setting out of its range.

    Example:

    >>> text = tf.TensorSpec((None,), tf.int32, "tokens")
    >>> rnn(text, 10, cell="simple", width=4, units=3).count_params()
    64
    """
    tokens.check_choice("cell", cell, tuple(CELLS))
    tokens.check_choice("pool", pool, tokens.POOLS)
    _check_sizes(units, depth, dropout)
    inputs, x, real = _steps(spec, scaling, width)
    for i in range(1, depth + 1):
        x = _layer(x, real(x), i, CELLS[cell], units, bidirectional)
        name = f"dropout{i}" if i < depth else "sequence"
        x = layers.Dropout(dropout, name=name)(x)
    if bidirectional and pool == "last":
        x = _both_ends(x, real(x), units)
    else:
        x = tokens.pool(x, real(x), pool)
    return tokens.backbone(inputs, layers.Identity(name="features")(x))


def _both_ends(x, mask, units) -> keras.KerasTensor:
    """Where each direction ends; read backwards, at the first token."""
    ahead = tokens.pool(x[..., :units], mask, "last")
    back = ops.cast(x[:, 0, units:], "float32")
    return ops.concatenate([ahead, back], axis=-1)


def _check_sizes(units, depth, dropout) -> None:
    check_range("units", units, 1)
    check_range("depth", depth, 1)
    check_range("dropout", dropout, 0.0, 0.99)


def _steps(spec, scaling, width) -> tuple:
    """The input, its steps, and a function that tells which are real."""
    if tokens.is_text(spec):
        ids = tokens.token_input(spec)
        return ids, tokens.embed(ids, scaling, width), tokens.real
    if spec.shape.rank != 3:
        raise UserError(
            "A recurrent network needs texts or images of shape (height, "
            f"width, channels), got {tuple(spec.shape)}: use --backbone=mlp."
        )
    inputs, x = preprocess(spec, scaling)
    height, across, channels = spec.shape
    x = layers.Reshape((height, across * channels), name="rows")(x)
    # a black row of pixels is no padding
    return inputs, x, lambda x: ops.ones_like(x[..., :1], "float32")


def _layer(x, mask, number, cell, units, bidirectional) -> keras.KerasTensor:
    """One recurrent layer, named "rnn1" and so on.

    It needs no mask, which would take twice the time: in its direction,
    all padding comes after the text.
    """
    name = f"rnn{number}"
    y = cell(units, return_sequences=True, name=f"{name}_forward")(x)
    if bidirectional:
        back = cell(units, return_sequences=True, name=f"{name}_backward")
        order = tokens.backwards(mask)
        back = tokens.reorder(back(tokens.reorder(x, order)), order)
        y = layers.Concatenate(name=f"{name}_both")([y, back])
    return tokens.zero_padded(y, mask, name)
