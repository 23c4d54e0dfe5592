"""What became of each layer of a fine-tuned model."""

import math
from collections.abc import Collection, Iterable
from typing import Any

import keras


def layer_fates(
    model: keras.Model,
    transferred: Collection[str],
    trained: Iterable[keras.Variable],
) -> list[dict[str, Any]]:
    """Returns the layers of a model that have weights, from the input on.

    Args:
        model: backbone and head.
        transferred: names of the layers with pretrained weights.
        trained: the variables that training could change.

    Returns:
        Of each layer its "name", its "parameters" (with those of low-rank
        matrices), how many of them could be "trained", and whether its
        weights were "transferred".

    Example:

    >>> inputs = keras.Input((3,))
    >>> outputs = keras.layers.Dense(2, name="dense")(inputs)
    >>> model = keras.Model(inputs, outputs)
    >>> layer_fates(model, ["dense"], model.trainable_variables)
    [{'name': 'dense', 'parameters': 8, 'trained': 8, 'transferred': True}]
    """
    sizes = {id(v): math.prod(v.shape) for v in trained}
    return [
        {
            "name": layer.name,
            "parameters": layer.count_params(),
            "trained": sum(sizes.get(id(v), 0) for v in layer.weights),
            "transferred": layer.name in transferred,
        }
        for layer in model.layers
        if layer.weights
    ]
