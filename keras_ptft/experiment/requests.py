"""Requests to a signature, made of the examples of a split."""

from collections.abc import Iterator

import keras
import numpy as np

from keras_ptft.data.core.dataset import Source, take
from keras_ptft.serving.inference.predictor import batch_within
from keras_ptft.serving.signatures.arrays import model_examples, text_examples
from keras_ptft.serving.signatures.intake import TEXT_INPUT, takes_texts
from keras_ptft.serving.signatures.signature import Arrays, Signature

# an eager Keras model keeps what each layer computes of all of them
_BATCH = 16


def requests(
    model: keras.Model,
    signature: Signature,
    source: Source,
    largest_batch: int,
) -> Iterator[Arrays]:
    """Yields the examples in order, by the names of a signature's inputs.

    Args:
        model: that the signature answers by.
        signature: takes what the model does, or texts.
        source: the examples; of texts, their tokens.
        largest_batch: most examples of a request; 0: any.
    """
    size = batch_within(largest_batch, _BATCH)
    for start in range(0, len(source), size):
        rows = np.arange(start, min(start + size, len(source)))
        yield _request(model, signature, take(source, rows))


def _request(
    model: keras.Model, signature: Signature, source: Source
) -> Arrays:
    if takes_texts(signature):
        return {TEXT_INPUT: text_examples(source, len(source))}
    found = model_examples(model, source, len(source))
    return dict(zip(signature.inputs, found.values(), strict=True))
