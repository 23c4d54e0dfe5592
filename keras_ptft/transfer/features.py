"""What a frozen prefix says of each example, as one more source."""

import logging
import math

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.arrays import ArraySource
from keras_ptft.data.dataset import Source
from keras_ptft.data.pipeline import evaluation_batches, unweighted

_LOG = logging.getLogger("keras_ptft")


def outputs_of(
    model: keras.Model, source: Source, *, batch_size: int = 256
) -> np.ndarray:
    """A model's outputs in inference, for every example once, in order.

    Args:
        model: one input as `source.spec` says, and one output.
        source: the examples.
        batch_size: examples computed at a time.

    Returns:
        Array of shape (examples, *output shape) in the output's dtype.
    """
    infer = tf.function(lambda inputs: model(inputs, training=False))
    size = len(source)
    batches = evaluation_batches(
        source, unweighted, batch_size=min(batch_size, max(size, 1))
    )
    dtype = tf.as_dtype(model.outputs[0].dtype).as_numpy_dtype
    outputs = np.zeros((size, *model.output_shape[1:]), dtype)
    start = 0
    for inputs, _, _ in batches:
        part = infer(inputs).numpy()[: size - start]
        outputs[start : start + len(part)] = part
        start += len(part)
    return outputs


def cache_features(
    prefix: keras.Model, sources: dict[str, Source], *, limit_gb: float
) -> dict[str, Source] | None:
    """Runs a frozen prefix over each source once.

    Args:
        prefix: frozen model from raw input to features.
        sources: splits by name.
        limit_gb: most memory that the features may take, in GB.

    Returns:
        The same splits with features as inputs, or None where they would
        take more memory than allowed.
    """
    width = math.prod(prefix.output_shape[1:])
    examples = sum(map(len, sources.values()))
    gigabytes = examples * width * 4 / 1e9
    if gigabytes > limit_gb:
        _LOG.info(
            "Features would take %.1f GB, over --feature_cache_gb=%g: the "
            "frozen part runs at every step instead.",
            gigabytes,
            limit_gb,
        )
        return None
    return {
        name: ArraySource(
            outputs_of(prefix, source),
            source.labels,
            source.hashes,
            name="features",
        )
        for name, source in sources.items()
    }
