"""The image classifiers of keras.applications, without their classifiers."""

import difflib
import inspect
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from keras_ptft.errors import UserError, on_one_line
from keras_ptft.models.backbone_input import (
    OTHER_BACKBONE,
    BackboneInput,
    Moments,
)
from keras_ptft.models.tidy import tidied
from keras_ptft.models.tokens import check_choice

POOLS = ("avg", "max")
# some models have a layer "normalization" of their own
_SCALING = "scaling"
_UNSCALED = np.zeros(3), np.ones(3)

APPLICATIONS: dict[str, Callable[..., keras.Model]] = {
    name: value
    for name, value in vars(keras.applications).items()
    if inspect.isfunction(value)
}
"""Constructors by name, those of the Keras that is installed."""


def applications(
    given: BackboneInput, /, name: str, *, pool: str = "avg"
) -> keras.Model:
    """A model of keras.applications that scales its input as it wants it.

    That is what its `preprocess_input` computes; --normalization is not
    applied.

    Args:
        given: one uint8 image of shape (height, width, 1 or 3); grey is
            repeated to three channels.
        name: as MobileNetV2, ResNet50, EfficientNetV2B0 or ConvNeXtTiny, in
            any case, also with underscores.
        pool: "avg" or "max" of the last feature maps.

    Returns:
        Model "backbone" from raw input to features of shape (batch, width),
        with the layers' names of keras.applications and random weights.

    Raises:
        UserError: no such model, or not an image, or one too small.

    Example:

    >>> image = tf.TensorSpec((32, 32, 3), tf.uint8, "image")
    >>> applications(BackboneInput(image), "mobilenet_v2").output_shape
    (None, 1280)
    """
    return built(given.single_spec(), full_name(name), pool)


def full_name(name: str) -> str:
    """Returns the name of a model as keras.applications spells it.

    Raises:
        UserError: it has no such model.

    Example:

    >>> full_name("efficientnet_v2_b0")
    'EfficientNetV2B0'
    """
    plain = {_plain(known): known for known in APPLICATIONS}
    if _plain(name) in plain:
        return plain[_plain(name)]
    close = difflib.get_close_matches(_plain(name), plain, n=3)
    near = f" (did you mean {' or '.join(plain[n] for n in close)}?)"
    raise UserError(
        f"keras.applications has no model {name!r}{near if close else ''}; "
        f"there are: {', '.join(sorted(APPLICATIONS))}."
    )


def built(
    spec: tf.TensorSpec,
    name: str,
    pool: str,
    *,
    is_imagenet: bool = False,
    moments: Moments | None = None,
    call: Callable[..., Any] | None = None,
) -> keras.Model:
    """Builds the backbone of a model of keras.applications.

    Args:
        spec: of one image.
        name: as returned by `full_name`.
        pool: one of `POOLS`.
        is_imagenet: whether it gets the weights of ImageNet that Keras has
            cached or fetches, or else random ones.
        moments: mean and variance of pixels from 0 to 1, of a model that
            has these among its weights; None: Keras's own.
        call: see `tidied`.

    Raises:
        UserError: not such an image, or one too small.
    """
    check_choice("pool", pool, POOLS)
    _check_image(spec, name)
    # of random weights only the copy's are used: those of a graph are free
    where = nullcontext() if is_imagenet else tf.Graph().as_default()
    with where:
        model = _on_pixels(spec, name, pool, is_imagenet)
    changed = {_SCALING: {"name": "normalization"}}
    for layer in model.layers:
        if isinstance(layer, layers.Normalization) and layer.weights:
            own = layer.get_weights()[:2] if is_imagenet else _UNSCALED
            # weights of this layer alone would have to be finished by calls
            # of its own whenever they are set
            mean, variance = np.array(moments or own).tolist()
            changed[layer.name] = {"mean": mean, "variance": variance}
    return tidied(model, with_weights=is_imagenet, changed=changed, call=call)


def _on_pixels(
    spec: tf.TensorSpec, name: str, pool: str, is_imagenet: bool
) -> keras.Model:
    """The model as Keras builds it, on a raw image."""
    inputs, x = _scaled(spec, name)
    try:
        model = APPLICATIONS[name](
            include_top=False,
            weights="imagenet" if is_imagenet else None,
            input_tensor=x,
            input_shape=(*spec.shape[:2], 3),
            pooling=pool,
        )
    except ValueError as error:
        remedy = "change --image_size"
        if is_imagenet:
            remedy += ", or remove the file of its weights from Keras's cache"
        raise UserError(
            f"{name} cannot be built for images of {spec.shape[0]}×"
            f"{spec.shape[1]} pixels: {_reason(error)}: {remedy}."
        ) from error
    features = layers.Identity(name="features")(model.output)
    return keras.Model(inputs, features)


def scaling(name: str) -> tuple[Moments, bool]:
    """Reads what a model's `preprocess_input` does to pixels.

    It is the same for all pixels, and scales each channel by itself.

    Args:
        name: as returned by `full_name`.

    Returns:
        Mean and variance of each channel, and whether the channels are
        reversed after that.

    Example:

    >>> moments, is_reversed = scaling("VGG16")
    >>> moments[0].round(3).tolist(), is_reversed
    ([123.68, 116.779, 103.939], True)
    """
    module = sys.modules[APPLICATIONS[name].__module__]
    # black, then each of the three channels alone at its brightest
    pixels = np.concatenate([np.zeros((1, 3)), np.eye(3) * 255])
    black, *bright = module.preprocess_input(pixels[:, None, None])[:, 0, 0]
    change = (np.array(bright) - black) / 255
    is_reversed = bool(np.diag(change)[0] == 0)
    if is_reversed:
        change, black = change[:, ::-1], black[::-1]
    scale = np.diag(change)
    return (-black / scale, scale**-2), is_reversed


def _scaled(
    spec: tf.TensorSpec, name: str
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The raw image, and what the network is to be given."""
    x = inputs = keras.Input(spec.shape, dtype="uint8", name=spec.name)
    if spec.shape[-1] == 1:
        x = layers.Concatenate(name="grey_to_color")([x, x, x])
    (mean, variance), is_reversed = scaling(name)
    x = layers.Normalization(
        mean=mean.tolist(),
        variance=variance.tolist(),
        name=_SCALING,
        dtype="float32",
    )(x)
    return inputs, ops.flip(x, axis=-1) if is_reversed else x


def _check_image(spec: tf.TensorSpec, name: str) -> None:
    shape = tuple(spec.shape)
    if len(shape) != 3 or shape[-1] not in (1, 3) or spec.dtype != tf.uint8:
        raise UserError(
            f"{name} needs uint8 images of shape (height, width, 1 or 3), got "
            f"{spec.dtype.name} {shape}: {OTHER_BACKBONE}."
        )


def _reason(error: Exception) -> str:
    """Why Keras cannot build a model, without the values that it adds."""
    return on_one_line(error).partition(";")[0].rstrip(".")


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.casefold())
