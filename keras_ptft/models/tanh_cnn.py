"""A small convolutional network for private training."""

import keras
import tensorflow as tf

from keras_ptft.errors import UserError, check_range
from keras_ptft.models.backbone_input import OTHER_BACKBONE, BackboneInput
from keras_ptft.models.normalization import preprocess

_SMALLEST = 13


def tanh_cnn(
    given: BackboneInput,
    /,
    *,
    filters: tuple[int, int] = (16, 32),
    dense: int = 32,
) -> keras.Model:
    """Two convolutions with tanh, few parameters: for private training.

    Papernot et al. 2021, "Tempered Sigmoid Activations for Deep Learning with
    Differential Privacy"; Tramèr and Boneh 2021, "Differentially Private
    Learning Needs Better Features (or Much More Data)". Noise grows with the
    number of parameters, and tanh keeps gradients small.

    Args:
        given: one image, of shape (height, width, channels).
        filters: filters of the two convolutions, of 8×8 and 4×4 pixels.
        dense: units of the last layer, the features.

    Returns:
        Model "backbone" from raw input to features of shape (batch, dense),
        with the cut points conv1, conv2, ..., flatten, features.

    Raises:
        UserError: not an image, one too small, or a setting out of its range.

    Example:

    >>> image = tf.TensorSpec((28, 28, 1), tf.uint8, "image")
    >>> tanh_cnn(BackboneInput(image)).count_params()
    25680
    """
    _check_image(given.single_spec())
    for width in filters:
        check_range("filters", width, 1)
    check_range("dense", dense, 1)
    inputs, x = preprocess(given)
    shapes = ((8, "same"), (4, "valid"))
    for i, (width, shape) in enumerate(zip(filters, shapes, strict=True), 1):
        kernel, padding = shape
        x = keras.layers.Conv2D(
            width, kernel, strides=2, padding=padding, name=f"conv{i}_conv"
        )(x)
        x = keras.layers.Activation("tanh", name=f"conv{i}")(x)
        x = keras.layers.MaxPooling2D(2, strides=1, name=f"pool{i}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(dense, name="features_dense")(x)
    x = keras.layers.Activation("tanh", name="features")(x)
    return keras.Model(inputs, x, name="backbone")


def _check_image(spec: tf.TensorSpec) -> None:
    if spec.shape.rank != 3:
        raise UserError(
            "A CNN needs images of shape (height, width, channels), got "
            f"{tuple(spec.shape)}: {OTHER_BACKBONE}."
        )
    if min(spec.shape[:2]) < _SMALLEST:
        raise UserError(
            f"Backbone 'tanh_cnn' needs images of {_SMALLEST} pixels or more "
            f"a side, got {spec.shape[0]}×{spec.shape[1]}: raise --image_size."
        )
