"""Numbers about the inputs of a split."""

import numpy as np
from sklearn.preprocessing import StandardScaler

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.batching import evaluation_batches, unweighted


def moments(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each entry of the inputs' last axis.

    Batches are merged as they come (Chan et al. 1983), so that no split is
    too large.

    Returns:
        Two float64 arrays of shape (channels,), in raw units.
    """
    scaler = StandardScaler()
    batch_size = min(256, len(source))
    for inputs, _, weights in evaluation_batches(
        source, unweighted, batch_size=batch_size
    ):
        real = inputs.numpy()[weights.numpy() > 0]
        scaler.partial_fit(real.reshape(-1, real.shape[-1]))
    return scaler.mean_, scaler.var_
