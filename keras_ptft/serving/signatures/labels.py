"""The most probable label of an answer, and what proves nothing of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.serving.signatures.signature import (
    Arrays,
    ServingFn,
    Tensors,
)

# logits closer than this may change their order by rounding
_TIE = 1e-5


def labelled(scores: ServingFn, label_names: Sequence[str]) -> ServingFn:
    """Returns what computes scores, and the label that they speak for.

    Args:
        scores: the model's inputs → `logits` and `probabilities`.
        label_names: a name for each logit.

    Returns:
        The model's inputs → the same, with `best_label`.
    """

    def answer(inputs: Any) -> Tensors:
        outputs = scores(inputs)
        return {**outputs, **best_label(outputs, label_names)}

    return answer


def best_label(outputs: Tensors, label_names: Sequence[str]) -> Tensors:
    """Returns the most probable label of each example.

    Args:
        outputs: `logits` and `probabilities` of shape (batch, labels).
        label_names: a name for each logit.

    Returns:
        `label`, its name, string of shape (batch,), and `score`, its
        probability, float32 of shape (batch,).

    Example:

    >>> logits = tf.constant([[0.0, 9.0]])
    >>> outputs = {"logits": logits, "probabilities": tf.nn.softmax(logits)}
    >>> best_label(outputs, ("cat", "dog"))["label"].numpy().tolist()
    [b'dog']
    """
    return {
        "label": names_of(outputs["logits"], label_names),
        "score": tf.reduce_max(outputs["probabilities"], -1),
    }


def names_of(logits: tf.Tensor, label_names: Sequence[str]) -> tf.Tensor:
    """Returns the name of the highest logit, of shape logits.shape[:-1]."""
    return tf.gather(tf.constant(label_names), tf.argmax(logits, -1))


def is_ambiguous(outputs: Arrays) -> np.ndarray:
    """Returns which rows another rounding may label otherwise.

    Not those with exactly equal logits, of which the first is taken. Of
    tagged texts each word counts, and padding does not.

    Args:
        outputs: with `logits` of shape (batch, labels); of tagged texts
            (batch, words, labels), with `words`.

    Returns:
        bool of shape (batch,).

    Example:

    >>> is_ambiguous({"logits": np.array([[1, 1], [1, 1 + 1e-6], [1, 2]])})
    array([False,  True, False])
    """
    top = np.sort(outputs["logits"], -1)[..., -2:]
    gap = top[..., -1] - top[..., 0]
    scale = np.maximum(1, np.abs(top[..., -1]))
    close = (gap > 0) & (gap <= _TIE * scale)
    if "words" in outputs:
        close = (close & (outputs["words"] != b"")).any(1)
    return close


def proofs(unsure: np.ndarray) -> np.ndarray:
    """Returns which rows prove an export: sure ones, or all if none is.

    Args:
        unsure: bool of shape (batch,), which another rounding may change.

    Example:

    >>> proofs(np.array([True, False])), proofs(np.array([True]))
    (array([False,  True]), array([ True]))
    """
    return ~unsure | unsure.all()


def trimmed(outputs: Arrays) -> Arrays:
    """Returns outputs up to the last word of the longest text.

    Args:
        outputs: of tagged texts, `words` and others of shape (batch, words,
            ...); or others, which are returned as they are.
    """
    if "words" not in outputs:
        return outputs
    longest = (outputs["words"] != b"").sum(1).max(initial=0)
    return {name: values[:, :longest] for name, values in outputs.items()}
