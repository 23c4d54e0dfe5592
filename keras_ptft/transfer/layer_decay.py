"""Smaller learning rates for layers farther from the head."""

import keras

from keras_ptft.transfer.cut import cut_points


def layer_factors(backbone: keras.Model, decay: float) -> dict[str, float]:
    """Computes what the learning rate of each layer is multiplied by.

    Bao et al. 2022, "BEiT: BERT Pre-Training of Image Transformers". Layers
    are taken together in groups: a block, by the names `block_...` and
    `block` where the latter is a cut point, or any other layer with a
    kernel; layers without kernel belong to the group before.

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
    blocks = _blocks(backbone)
    layers = _layers(backbone)
    with_kernel = {blocks[x.name] for x in layers if _has_kernel(x)}
    groups: dict[str, int] = {}
    found, index = {}, 0
    for layer in layers:
        block = blocks[layer.name]
        if block in with_kernel:
            index = groups.setdefault(block, len(groups))
        found[layer.name] = index
    return {name: decay ** (len(groups) - i) for name, i in found.items()}


def _blocks(backbone: keras.Model) -> dict[str, str]:
    """The block that each layer belongs to; alone it is one of its own."""
    points = sorted(cut_points(backbone), key=len)
    return {
        layer.name: next(
            (point for point in points if layer.name.startswith(f"{point}_")),
            layer.name,
        )
        for layer in _layers(backbone)
    }


def _layers(backbone: keras.Model) -> list[keras.Layer]:
    is_input = keras.layers.InputLayer
    return [x for x in backbone.layers if not isinstance(x, is_input)]


def _has_kernel(layer: keras.Layer) -> bool:
    """Whether a layer has a matrix, which vectors as a bias are not."""
    return any(len(weight.shape) > 1 for weight in layer.weights)
