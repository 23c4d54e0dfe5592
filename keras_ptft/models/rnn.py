"""Recurrent networks over a text, or over the rows of an image."""

from collections.abc import Callable

import keras
from keras import layers, ops

from keras_ptft.errors import UserError, check_range
from keras_ptft.models import tokens
from keras_ptft.models.backbone_input import OTHER_BACKBONE, BackboneInput
from keras_ptft.models.normalization import preprocess

Mask = Callable[[keras.KerasTensor], keras.KerasTensor]

CELLS = {"simple": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}


def rnn(  # noqa: PLR0913, the settings are the user's
    given: BackboneInput,
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
    """Recurrent layers, one step a token of a text or a row of an image.

    A simple cell is h_t = tanh(W x_t + U h_(t-1) + b). Hochreiter and
    Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, "Learning
    Phrase Representations using RNN Encoder-Decoder" (GRU). In one
    direction, no step depends on later ones.

    Args:
        given: one text, as ids of its tokens, or one image of shape
            (height, width, channels).
        cell: "simple", "lstm" or "gru".
        units: units of each layer, in each direction.
        depth: number of recurrent layers.
        bidirectional: also read backwards, and concatenate.
        width: of a token's vector; unused for images.
        dropout: rate after each layer, not between steps.
        pool: "mean", "max" or "last" (of each direction) of all steps.

    Returns:
        Model "backbone" from ids or pixels to features of shape
        (batch, units), twice that in both directions, with the cut points
        embedding, rnn1, ..., sequence, features.

    Raises:
        UserError: not a text or an image, or a setting out of its range.

    Example:

    >>> import tensorflow as tf
    >>> text = tf.TensorSpec((None,), tf.int32, "tokens")
    >>> given = BackboneInput(text, vocabulary_size=10)
    >>> rnn(given, cell="simple", width=4, units=3).count_params()
    64
    """
    tokens.check_choice("cell", cell, tuple(CELLS))
    tokens.check_choice("pool", pool, tokens.POOLS)
    _check_sizes(units, depth, dropout)
    inputs, x, real = _steps(given, width)
    for i in range(1, depth + 1):
        x = _layer(x, real(x), f"rnn{i}", CELLS[cell], units, bidirectional)
        name = f"dropout{i}" if i < depth else "sequence"
        x = layers.Dropout(dropout, name=name)(x)
    if bidirectional and pool == "last":
        x = _both_ends(x, real(x), units)
    else:
        x = tokens.pool(x, real(x), pool)
    return tokens.backbone(inputs, layers.Identity(name="features")(x))


def _both_ends(
    x: keras.KerasTensor, mask: keras.KerasTensor, units: int
) -> keras.KerasTensor:
    """The last state of each direction; backwards, of the first token."""
    ahead = tokens.pool(x[..., :units], mask, "last")
    back = ops.cast(x[:, 0, units:], "float32")
    return ops.concatenate([ahead, back], axis=-1)


def _check_sizes(units: int, depth: int, dropout: float) -> None:
    check_range("units", units, 1)
    check_range("depth", depth, 1)
    check_range("dropout", dropout, 0.0, 0.99)


def _steps(
    given: BackboneInput, width: int
) -> tuple[keras.KerasTensor, keras.KerasTensor, Mask]:
    """The input, its steps, and a function that masks padded steps."""
    spec = given.single_spec()
    if given.is_text:
        ids = tokens.token_input(given)
        x = tokens.embed(ids, given.vocabulary_size, width)
        return ids, x, tokens.real
    if spec.shape.rank != 3:
        raise UserError(
            "A recurrent network needs texts or images of shape (height, "
            f"width, channels), got {tuple(spec.shape)}: {OTHER_BACKBONE}."
        )
    inputs, x = preprocess(given)
    height, across, channels = spec.shape
    x = layers.Reshape((height, across * channels), name="rows")(x)
    # a black row of pixels is not padding
    return inputs, x, lambda x: ops.ones_like(x[..., :1], "float32")


def _layer(
    x: keras.KerasTensor,
    mask: keras.KerasTensor,
    name: str,
    cell: type[keras.Layer],
    units: int,
    bidirectional: bool,
) -> keras.KerasTensor:
    """Applies one recurrent layer.

    Masking inside of it would take twice the time and is not needed: in each
    direction, all padding comes after the text.
    """
    y = cell(units, return_sequences=True, name=f"{name}_forward")(x)
    if bidirectional:
        back = cell(units, return_sequences=True, name=f"{name}_backward")
        order = tokens.backwards(mask)
        back = tokens.reorder(back(tokens.reorder(x, order)), order)
        y = layers.Concatenate(name=f"{name}_both")([y, back])
    return tokens.zero_padded(y, mask, name)
