"""How a model scales its raw input, as a layer inside the model.

A row returns the mean and the variance, in raw units, of each entry of the
input's last axis: channels of an image, columns of a table.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models.backbone_input import (
    OTHER_BACKBONE,
    BackboneInput,
    Moments,
)


def dataset(spec: tf.TensorSpec, moments: Callable[[], Moments], /) -> Moments:
    """Mean 0 and variance 1 over the training split."""
    del spec
    mean, variance = moments()
    # a constant stays 0 instead of exploding on the first change
    return mean, np.where(variance > 0, variance, 1.0)


def fixed(
    spec: tf.TensorSpec,
    moments: Callable[[], Moments],
    /,
    mean: float | tuple[float, ...],
    std: float | tuple[float, ...],
) -> Moments:
    """A known mean and standard deviation.

    Args:
        mean: of pixels scaled to [0, 1] where the input is uint8, in raw
            units where it is floating point; one number, or one a channel.
        std: the standard deviation, likewise.
    """
    del moments
    scale = 255.0 if spec.dtype == tf.uint8 else 1.0
    channels = spec.shape[-1]
    values = []
    for name, value in (("mean", mean), ("std", std)):
        if np.size(value) not in (1, channels):
            raise UserError(
                f"Setting {name!r} of normalization 'fixed' must be one "
                f"number or {channels}, got {value!r}."
            )
        scaled = np.asarray(value, np.float64) * scale
        values.append(np.broadcast_to(scaled, channels))
    if (values[1] <= 0).any():
        raise UserError(
            "Setting 'std' of normalization 'fixed' must be above 0, "
            f"got {std!r}."
        )
    return values[0], values[1] ** 2


def unit(spec: tf.TensorSpec, moments: Callable[[], Moments], /) -> Moments:
    """Pixels from 0 to 255 become 0 to 1; floats stay as they are."""
    return fixed(spec, moments, mean=0.0, std=1.0)


def none(spec: tf.TensorSpec, moments: Callable[[], Moments], /) -> Moments:
    """Raw values, cast to floating point."""
    del moments
    return _raw(spec)


NORMALIZATIONS: dict[str, Callable[..., Moments]] = {
    "dataset": dataset,
    "fixed": fixed,
    "unit": unit,
    "none": none,
}


def preprocess(
    given: BackboneInput,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Makes a model's raw input and scales it to (x - mean) / std.

    Args:
        given: one input of numbers.

    Returns:
        The input of shape (batch, *spec.shape) in the spec's dtype, and a
        floating point tensor of the same shape.

    Raises:
        UserError: the input is a text, or there are several inputs.
    """
    spec = given.single_spec()
    if given.is_text:
        raise UserError(
            f"This backbone needs numbers, got a text: {OTHER_BACKBONE}."
        )
    inputs = keras.Input(spec.shape, dtype=spec.dtype.name, name=spec.name)
    scaling = given.scaling or _raw(spec)
    mean, variance = (value.tolist() for value in scaling)
    layer = keras.layers.Normalization(
        mean=mean, variance=variance, name="normalization", dtype="float32"
    )
    return inputs, layer(inputs)


def scaling_of(model: keras.Model) -> Moments | None:
    """Returns the mean and variance that `preprocess` gave a model, if any."""
    for layer in model.layers:
        if layer.name == "normalization":
            config = layer.get_config()
            return np.array(config["mean"]), np.array(config["variance"])
    return None


def _raw(spec: tf.TensorSpec) -> Moments:
    channels = spec.shape[-1]
    return np.zeros(channels), np.ones(channels)
