"""Convolutional networks: one builder, several rows of BACKBONES."""

from typing import Any

import keras
import tensorflow as tf

from keras_ptft.errors import UserError, check_each, check_range
from keras_ptft.models.backbone_input import OTHER_BACKBONE, BackboneInput
from keras_ptft.models.mlp import dense_blocks
from keras_ptft.models.normalization import preprocess


def cnn(  # noqa: PLR0913, the settings are the user's
    given: BackboneInput,
    /,
    *,
    filters: tuple[int, ...] = (32, 64, 64),
    kernel: int = 3,
    pool: int | tuple[int, ...] = 2,
    padding: str = "valid",
    dense: int | tuple[int, ...] = 64,
    dropout: float = 0.0,
    batch_norm: bool = False,
    l2: float = 0.0,
) -> keras.Model:
    """Convolutions with ReLU and max pooling, then dense layers.

    Args:
        given: one image, of shape (height, width, channels).
        filters: filters of each convolution.
        kernel: side of every kernel in pixels.
        pool: side of the max pooling after each convolution, 1: none; one
            number applies to all, except to the last of several.
        padding: "valid" or "same".
        dense: units of the last layer, the features, or of several.
        dropout: rate after each block, before the next layer.
        batch_norm: normalise each convolution's output over the batch.
        l2: weight decay of the kernels, added to the loss.

    Returns:
        Model from raw input to features of shape (batch, dense), with the
        cut points conv1, conv2, ..., flatten, dense1, ..., features.

    Raises:
        UserError: not an image, one too small, or a setting out of its range.

    Example:

    >>> image = tf.TensorSpec((28, 28, 1), tf.uint8, "image")
    >>> cnn(BackboneInput(image)).count_params()
    92672
    """
    check_each("filters", filters, 1)
    units = dense if isinstance(dense, tuple | list) else (dense,)
    check_each("dense", units, 1)
    check_range("dropout", dropout, 0.0, 0.99)
    check_range("l2", l2, 0.0)
    pools = _pools(pool, len(filters))
    inputs, x = preprocess(given)
    _check_sizes(given.single_spec(), kernel, pools, padding)
    regularizer = keras.regularizers.L2(l2) if l2 else None
    # batch normalisation adds a bias itself
    shared: dict[str, Any] = {"padding": padding, "use_bias": not batch_norm}
    shared |= {"kernel_size": kernel, "kernel_regularizer": regularizer}
    for i, (width, side) in enumerate(zip(filters, pools, strict=True), 1):
        x = keras.layers.Conv2D(width, name=f"conv{i}_conv", **shared)(x)
        x = _block(x, i, pool=side, dropout=dropout, batch_norm=batch_norm)
    x = keras.layers.Flatten(name="flatten")(x)
    x = dense_blocks(x, units, regularizer=regularizer)
    return keras.Model(inputs, x, name="backbone")


def _block(
    x: keras.KerasTensor,
    index: int,
    *,
    pool: int,
    dropout: float,
    batch_norm: bool,
) -> keras.KerasTensor:
    """Applies what follows a convolution; the activation is a cut point."""
    if batch_norm:
        # over all replicas, so that results do not depend on their number
        name = f"conv{index}_bn"
        x = keras.layers.BatchNormalization(synchronized=True, name=name)(x)
    x = keras.layers.ReLU(name=f"conv{index}")(x)
    if pool > 1:
        x = keras.layers.MaxPooling2D(pool, name=f"pool{index}")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name=f"dropout{index}")(x)
    return x


def _pools(pool: int | tuple[int, ...], blocks: int) -> tuple[int, ...]:
    if isinstance(pool, int):
        pool = (pool,) * (blocks - 1) + (1,) if blocks > 1 else (pool,)
    check_each("pool", pool, 1)
    if len(pool) != blocks:
        raise UserError(
            "Settings 'filters' and 'pool' of a CNN must have the same "
            f"length, got {blocks} and {len(pool)} numbers."
        )
    return pool


def _check_sizes(
    spec: tf.TensorSpec, kernel: int, pools: tuple[int, ...], padding: str
) -> None:
    check_range("kernel", kernel, 1)
    if spec.shape.rank != 3:
        raise UserError(
            "A CNN needs images of shape (height, width, channels), got "
            f"{tuple(spec.shape)}: {OTHER_BACKBONE}."
        )
    if padding not in ("valid", "same"):
        raise UserError(
            f"Setting 'padding' must be valid or same, got {padding!r}."
        )
    smallest = min(spec.shape[:2])
    for i, pool in enumerate(pools, 1):
        if padding == "valid":
            smallest -= kernel - 1
        smallest //= pool
        if smallest < 1:
            raise UserError(
                f"Images of {spec.shape[0]}×{spec.shape[1]} pixels shrink "
                f"below 1 pixel at conv{i}: raise --image_size, or make "
                "'kernel' or 'pool' of the backbone smaller."
            )
