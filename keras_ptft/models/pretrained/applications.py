"""Models of keras.applications with weights of a file or from ImageNet."""

import contextlib
import functools
import os
import socket
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError, on_one_line
from keras_ptft.models.applications import APPLICATIONS, built, full_name
from keras_ptft.models.backbone_input import Moments
from keras_ptft.models.pretrained.by_layer import fill_layers
from keras_ptft.models.pretrained.filling import refuse
from keras_ptft.models.pretrained.keras_files import SavedLayer, read_layers
from keras_ptft.models.pretrained.known import IMAGENET_RESIZE, Known
from keras_ptft.models.tidy import flat_layers

# the deviation of pixels, which Keras's EfficientNet holds as their variance
_STD = np.array([0.229, 0.224, 0.225])
# seconds until a server that does not answer counts as none
_PATIENCE = 20.0


def applications(
    image_size: int, /, name: str, *, weights: str = "", pool: str = "avg"
) -> Known:
    """A model of keras.applications, without its classifier.

    Args:
        image_size: side of the images in pixels; 0: the model's own.
        name: as MobileNetV2 or ResNet50, in any case.
        weights: a file of weights of this model, with its classifier or
            without: `.keras`, `.weights.h5`, or `.h5` of Keras 2; empty:
            those of ImageNet that Keras has cached or fetches.
        pool: "avg" or "max" of the last feature maps.

    Returns:
        Backbone from uint8 images of shape (image_size, image_size, 3) to
        features (see `models.applications`).

    Raises:
        UserError: no such model or setting, images that are too small, or
            the weights cannot be had or are those of another model.
    """
    name = full_name(name)
    side = image_size or _own_size(name)
    spec = tf.TensorSpec((side, side, 3), tf.uint8, "image")
    if not weights:
        backbone = _of_imagenet(spec, name, pool)
        origin = f"keras.applications.{name}, ImageNet"
        return Known(backbone, origin, resize=IMAGENET_RESIZE)
    saved = read_layers(weights)
    moments, saved = _moments(name, saved, weights)
    is_imagenet = moments is not None and np.allclose(moments[1], _STD)
    call = _rescaled if is_imagenet else None
    backbone = built(spec, name, pool, moments=moments, call=call)
    unused = functools.partial(_classifier, name, backbone)
    fill_layers(backbone, saved, path=weights, unused=unused)
    return Known(backbone, weights, resize=IMAGENET_RESIZE)


def _of_imagenet(spec: tf.TensorSpec, name: str, pool: str) -> keras.Model:
    try:
        with _patience(), warnings.catch_warnings():
            # MobileNets at other sizes than Keras has weights for get those
            # of 224 pixels, which fit
            warnings.filterwarnings("ignore", "`input_shape` is undefined")
            return built(spec, name, pool, is_imagenet=True)
    except UserError:
        raise
    # without a network Keras raises a bare Exception, and a broken file
    # fails in as many ways as it can be broken
    except Exception as error:
        path = _wanted_file(error)
        raise UserError(
            f"Cannot get the ImageNet weights of {name}: "
            f"{on_one_line(error)[:200]}: put {os.path.basename(path)} into "
            f"{os.path.dirname(path)}, or name another file of its weights by "
            "the setting 'weights'."
        ) from error


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """Limits the time that a server may take to answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _wanted_file(error: Exception) -> str:
    """The path of the file that Keras could not fetch.

    Keras names only its address, which does not always end in the name that
    the file is to have.
    """
    frames = traceback.walk_tb(error.__traceback__)
    found = [
        str(frame.f_locals[name])
        for frame, _ in frames
        for name in ("download_target", "weights_path")
        if name in frame.f_locals
    ]
    return found[-1] if found else os.path.join("~", ".keras", "models", "*")


@functools.cache
def _own_model(name: str) -> keras.Model:
    """The whole model as Keras defines it, whose weights take no memory."""
    with tf.Graph().as_default():
        return APPLICATIONS[name](weights=None)


def _own_size(name: str) -> int:
    """The side of the images that a model was made for."""
    return _own_model(name).input_shape[1]


def _classifier(name: str, backbone: keras.Model) -> set[str]:
    """The names of the layers that a backbone lacks of the whole model."""
    layers = {layer.name for layer in flat_layers(_own_model(name))}
    return layers - {layer.name for layer in backbone.layers}


def _moments(
    name: str, saved: list[SavedLayer], path: str
) -> tuple[Moments | None, list[SavedLayer]]:
    """Mean and variance that a model has as weights, and its other layers."""
    if not name.startswith("EfficientNetB"):
        return None, saved
    scales = [one for one in saved if one.name.startswith("normalization")]
    if not scales:
        refuse(["normalization"], [], [], path)
    mean, variance, *_ = scales[0].arrays
    return (mean, variance), [one for one in saved if one is not scales[0]]


def _rescaled(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
    """Divides by the deviation whose square the weights lack.

    Keras does so where it fetches the weights itself.
    """
    x = operation(*args, **kwargs)
    if operation.name == "normalization_1":
        scale = (_STD**-0.5).tolist()
        x = keras.layers.Rescaling(scale, name="rescaling_1")(x)
    return x
