"""The part of a backbone that an objective reads."""

import keras
import numpy as np

from keras_ptft.errors import UserError

_LENGTH = 8


def feature_model(backbone: keras.Model, reads: str) -> keras.Model:
    """The backbone up to what is read of it, with the same variables.

    Args:
        backbone: any functional model.
        reads: "features", its output, or "sequence", the layer of that name
            with features of each token.

    Raises:
        UserError: it has no such layer.
    """
    if reads == "features":
        return backbone
    names = [layer.name for layer in backbone.layers]
    if reads not in names:
        raise UserError(
            "This objective reads features of each token, which the backbone "
            "has not: use --backbone=transformer, rnn, textcnn or embedding."
        )
    output = backbone.get_layer(reads).output
    return keras.Model(backbone.inputs[0], output, name="backbone")


def check_causal(model: keras.Model) -> None:
    """Raises a UserError if features of a token depend on what follows it.

    Args:
        model: ids of shape (batch, tokens[, width]) → (batch, tokens, any).
    """
    first = np.ones((1, _LENGTH, *model.input_shape[2:]), np.int32)
    second = first.copy()
    second[:, -1] = 2
    seen = [model(ids, training=False)[:, :-1] for ids in (first, second)]
    if not np.allclose(*map(keras.ops.convert_to_numpy, seen), atol=1e-5):
        raise UserError(
            "This objective needs a backbone that does not look ahead: use "
            "--backbone=transformer(causal=True), or rnn without "
            "bidirectional."
        )
