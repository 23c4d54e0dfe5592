"""Statistics of the inputs of a split."""

from collections.abc import Mapping

import numpy as np
from sklearn.preprocessing import StandardScaler

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.batching import evaluation_batches, unweighted
from keras_ptft.errors import UserError


def moments(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Computes mean and variance along the inputs' last axis.

    Batches are merged as they are read (Chan et al. 1983), so that a split
    need not fit into memory.

    Args:
        source: examples with one input.

    Returns:
        Two float64 arrays of shape (channels,), in raw units.

    Raises:
        UserError: examples with several inputs.
    """
    if isinstance(source.spec, Mapping):
        raise UserError(
            "--normalization=dataset needs data with one input, got "
            f"{', '.join(source.spec)}: use --normalization=none."
        )
    scaler = StandardScaler()
    batch_size = min(256, len(source))
    for inputs, _, weights in evaluation_batches(
        source, unweighted, batch_size=batch_size
    ):
        real = inputs.numpy()[weights.numpy() > 0]
        scaler.partial_fit(real.reshape(-1, real.shape[-1]))
    return scaler.mean_, scaler.var_
