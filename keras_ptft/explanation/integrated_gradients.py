"""What each token of a text adds to an answer."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.text.tokenizers import UNKNOWN
from keras_ptft.explanation.method import Prepared, Subject
from keras_ptft.models.structure import input_tensors

_LAYER = "embedding"
# on the way; more where a sum is off, as it is where slopes jump
_FEWEST, _MOST = 16, 256
_TOLERANCE = 0.005
# points that a model is given at a time
_TOGETHER = 32
# there and back, which takes twice as long, at 16 and at 32 points
_PASSES = 3 * (16 + 32)


def integrated_gradients(subject: Subject) -> Prepared | None:
    """Integrated gradients on the way from unknown tokens to a text's own.

    Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks": the
    integral of the derivative along a straight line, here of vectors of
    tokens, by Gauss-Legendre quadrature. So what all tokens add is the
    difference of the answers to the text and to as many unknown tokens; the
    points are doubled, to 256 at most, until it is within 0.5 %.

    Returns:
        What explains an answer by what each token adds, of shape (tokens,);
        None where the model does not take texts.
    """
    model = subject.model
    layers = {layer.name: layer for layer in model.layers}
    if not subject.info.is_text or _LAYER not in layers:
        return None
    vectors = layers[_LAYER].output
    front = keras.Model(input_tensors(model), vectors)
    back = keras.Model(vectors, model.outputs[0])

    def explain(example: tf.Tensor, output: int) -> np.ndarray:
        def scored(x: tf.Tensor) -> tf.Tensor:
            return subject.score(back(x, training=False), output)

        start, end = front(unknown_tokens(example)), front(example)
        whole = float(scored(end)[0] - scored(start)[0])
        points = _FEWEST
        while True:
            slope = _mean_slope(scored, start, end, points)
            added = ((end - start).numpy() * slope).sum(axis=-1)[0]
            points *= 2
            is_near = abs(added.sum() - whole) <= _TOLERANCE * abs(whole)
            if is_near or points > _MOST:
                return added

    return Prepared(explain, _PASSES)


def _mean_slope(
    scored: Callable[[tf.Tensor], tf.Tensor],
    start: tf.Tensor,
    end: tf.Tensor,
    points: int,
) -> np.ndarray:
    """The mean derivative on a straight line, of the shape of its ends."""
    positions, weights = np.polynomial.legendre.leggauss(points)
    shares = tf.constant((positions[:, None, None] + 1) / 2, end.dtype)
    total = np.zeros(end.shape)
    for first in range(0, points, _TOGETHER):
        here = slice(first, first + _TOGETHER)
        path = start + shares[here] * (end - start)
        with tf.GradientTape() as tape:
            tape.watch(path)
            scores = scored(path)
        slopes = tape.gradient(scores, path).numpy()
        total[0] += np.tensordot(weights[here] / 2, slopes, axes=1)
    return total


def unknown_tokens(ids: tf.Tensor) -> tf.Tensor:
    """Returns as many unknown tokens, padded alike.

    Args:
        ids: of shape (batch, tokens), or (batch, tokens, n) where a token
            has n ids.

    Example:

    >>> unknown_tokens(tf.constant([[7, 9, 0]])).numpy().tolist()
    [[1, 1, 0]]
    """
    if ids.shape.rank == 2:
        return tf.where(ids == 0, 0, UNKNOWN)
    first = tf.where(ids[..., :1] == 0, 0, UNKNOWN)
    return tf.concat([first, tf.zeros_like(ids[..., 1:])], axis=-1)
