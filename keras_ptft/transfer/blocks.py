"""Blocks of a backbone, by the names of its layers."""

from collections.abc import Iterable

import keras


def block_of(backbone: keras.Model, points: Iterable[str]) -> dict[str, str]:
    """Returns the block that each layer is part of.

    The layers of a block are named `<block>_...`, and the last of them, a
    cut point, `<block>`. A layer that is part of none is one of its own.

    Args:
        backbone: functional.
        points: its cut points.

    Returns:
        Names of blocks by those of layers, in their order; inputs are none.

    Example:

    >>> inputs = keras.Input((4,))
    >>> x = keras.layers.Dense(3, name="block1_dense")(inputs)
    >>> x = keras.layers.ReLU(name="block1")(x)
    >>> block_of(keras.Model(inputs, x), ["block1_dense", "block1"])
    {'block1_dense': 'block1', 'block1': 'block1'}
    """
    shortest_first = sorted(points, key=len)
    return {
        layer.name: next(
            (
                point
                for point in shortest_first
                if layer.name.startswith(f"{point}_")
            ),
            layer.name,
        )
        for layer in backbone.layers
        if not isinstance(layer, keras.layers.InputLayer)
    }
