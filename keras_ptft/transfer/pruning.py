"""The least weights of pretrained kernels, set to zero and held there."""

from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError


def prune(layers: Iterable[keras.Layer], share: float) -> list[keras.Variable]:
    """Sets the least weights of each kernel to zero, and holds them there.

    Han et al. 2015, "Learning both Weights and Connections for Efficient
    Neural Networks": by magnitude, within each kernel. What holds them is
    the constraint of the variable, which optimizers keep. The same weights
    lose the same ones, so a training that is resumed goes on as it was.

    Args:
        layers: unfrozen ones with their parts, with pretrained weights.
        share: of the weights of each kernel, from 0 to less than 1.

    Returns:
        The kernels that were pruned: variables of at least two axes, but no
        tables of embeddings.

    Raises:
        UserError: there is no kernel, or one has a constraint of its own.

    Example:

    >>> layer = keras.layers.Dense(1)
    >>> layer.build((None, 4))
    >>> _ = layer.kernel.assign([[3.0], [-1.0], [2.0], [-4.0]])
    >>> kernels = prune([layer], 0.5)
    >>> kernels[0].numpy().ravel().tolist()
    [3.0, 0.0, 0.0, -4.0]
    """
    kernels = list(_kernels(layers))
    if not kernels:
        raise UserError(
            f"--prune={share:g} finds no kernel to prune: freeze up to an "
            "earlier cut point, as --freeze=none."
        )
    for kernel in kernels:
        if kernel.constraint is not None:
            raise UserError(
                f"--prune={share:g} cannot hold weights of {kernel.path}, "
                "which has a constraint of its own: freeze it, or leave "
                "--prune out."
            )
        values = keras.ops.convert_to_numpy(kernel)
        kept = _largest(values, share)
        kernel.assign(np.where(kept, values, 0))
        kernel.constraint = _Held(kept)
    return kernels


def zeros(
    kernels: Sequence[keras.Variable], share: float
) -> Mapping[str, list[int]]:
    """Returns how many weights of each kernel are zero, and of how many.

    Args:
        kernels: as `prune` returned them.
        share: as it was given.

    Raises:
        RuntimeError: training has moved a weight that was to stay zero.
    """
    found = {}
    for kernel in kernels:
        values = keras.ops.convert_to_numpy(kernel)
        count = int((values == 0).sum())
        if count < round(share * values.size):
            raise RuntimeError(
                f"Pruned weights of {kernel.path} have changed: {count} of "
                f"{round(share * values.size)} are zero."
            )
        found[kernel.path] = [count, values.size]
    return found


def _kernels(layers: Iterable[keras.Layer]) -> Iterable[keras.Variable]:
    for layer in layers:
        if isinstance(layer, keras.layers.Embedding):
            continue
        for variable in layer.trainable_variables:
            # of this layer itself, not of one within it
            is_own = variable.path == f"{layer.path}/{variable.name}"
            if is_own and "kernel" in variable.name and variable.ndim > 1:
                yield variable


def _largest(values: np.ndarray, share: float) -> np.ndarray:
    """Which values are kept; of equal ones the later are."""
    order = np.argsort(np.abs(values), axis=None, kind="stable")
    kept = np.ones(values.size, bool)
    kept[order[: round(share * values.size)]] = False
    return kept.reshape(values.shape)


class _Held(keras.constraints.Constraint):
    """Holds at zero what is not kept."""

    def __init__(self, kept: np.ndarray) -> None:
        self._kept = kept

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        return tf.where(self._kept, tf.convert_to_tensor(values), 0)
