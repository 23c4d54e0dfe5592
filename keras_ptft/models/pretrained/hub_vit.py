"""KerasHub's vision transformer, block by block.

There it is one layer, which could only be frozen whole, and of which
KerasHub 0.32 writes a configuration that it does not read.
"""

from typing import Any

import keras
from keras import layers, ops


def vit_sequence(backbone: Any, x: keras.KerasTensor) -> keras.KerasTensor:
    """Applies a `keras_hub.models.ViTBackbone` by the layers in it.

    Args:
        backbone: gives its layers away, under other names.
        x: scaled pixels, (batch, height, width, 3).

    Returns:
        (batch, patches, width), the class token first where there is one;
        the blocks on the way are named block1, block2, ...
    """
    patching, encoder = backbone.layers[-2:]
    x = _named(patching.patch_embedding, "patches_conv")(x)
    x = layers.Reshape((-1, x.shape[-1]), name="patches")(x)
    x = _positioned(patching, x)
    for index, block in enumerate(encoder.encoder_layers, 1):
        x = _block(block, f"block{index}", x)
    return _named(encoder.layer_norm, "norm")(x)


def _positioned(patching: Any, x: keras.KerasTensor) -> keras.KerasTensor:
    """Adds positions; the class token is a part of the first one."""
    rows = patching.position_embedding.get_weights()[0].copy()
    if patching.use_class_token:
        rows[0] += patching.class_token.numpy()[0, 0]
        x = ops.pad(x, ((0, 0), (1, 0), (0, 0)))
    table = layers.Embedding(*rows.shape, name="positions_table")
    position = ops.cumsum(ops.ones_like(x[:1, :, 0], "int32"), axis=1) - 1
    positions = table(position)
    table.set_weights([rows])
    return layers.Add(name="positions")([x, positions])


def _block(block: Any, name: str, x: keras.KerasTensor) -> keras.KerasTensor:
    """Applies attention, then dense layers; each adds to its input."""
    mlp = block.mlp
    y = _named(block.layer_norm_1, f"{name}_attention_norm")(x)
    y = _named(block.mha, f"{name}_attention")(y, y)
    y = _dropped(block.dropout, f"{name}_attention_dropout", y)
    x = layers.Add(name=f"{name}_attention_added")([x, y])
    y = _named(block.layer_norm_2, f"{name}_dense_norm")(x)
    y = _named(mlp.dense_1, f"{name}_dense_hidden")(y)
    y = _dropped(mlp.dropout, f"{name}_dense_hidden_dropout", y)
    y = _named(mlp.dense_2, f"{name}_dense")(y)
    y = _dropped(mlp.dropout, f"{name}_dense_dropout", y)
    return layers.Add(name=name)([x, y])


def _dropped(
    dropout: keras.layers.Dropout, name: str, x: keras.KerasTensor
) -> keras.KerasTensor:
    return layers.Dropout(dropout.rate, name=name)(x)


def _named(layer: keras.Layer, name: str) -> keras.Layer:
    layer.name = name
    return layer
