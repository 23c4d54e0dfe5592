"""Smaller learning rates for layers farther from the head."""

import keras

from keras_ptft.transfer.blocks import block_of
from keras_ptft.transfer.cut import cut_points


def layer_factors(backbone: keras.Model, decay: float) -> dict[str, float]:
    """Computes what the learning rate of each layer is multiplied by.

    Bao et al. 2022, "BEiT: BERT Pre-Training of Image Transformers". Layers
    are taken together in groups: a block (see `blocks.block_of`), or any
    other layer with a kernel; layers without kernel belong to the group
    before.

    Args:
        backbone: functional.
        decay: from a group to the one before, 0 to 1; the head has 1, so the
            last group has this.

    Returns:
        Factors by the name of the layer.

    Example:

    >>> inputs = keras.Input((4,))
    >>> x = keras.layers.Dense(3, name="one")(inputs)
    >>> x = keras.layers.LayerNormalization(name="norm")(x)
    >>> x = keras.layers.Dense(3, name="two")(x)
    >>> layer_factors(keras.Model(inputs, x), 0.5)
    {'one': 0.25, 'norm': 0.25, 'two': 0.5}
    """
    blocks = block_of(backbone, cut_points(backbone))
    with_kernel = {
        block
        for name, block in blocks.items()
        if _has_kernel(backbone.get_layer(name))
    }
    groups: dict[str, int] = {}
    found, index = {}, 0
    for name, block in blocks.items():
        if block in with_kernel:
            index = groups.setdefault(block, len(groups))
        found[name] = index
    return {name: decay ** (len(groups) - i) for name, i in found.items()}


def _has_kernel(layer: keras.Layer) -> bool:
    """Whether a layer has a matrix, which vectors as a bias are not."""
    return any(len(weight.shape) > 1 for weight in layer.weights)
