"""A Keras model written as a SavedModel with named inputs and outputs."""

import os
from collections.abc import Callable, Mapping
from functools import partial

import keras
import tensorflow as tf

from keras_ptft.data.images.resize import decode_image
from keras_ptft.models.precision import rebuilt

Endpoints = Mapping[str, tuple[Callable, tf.TensorSpec]]
"""Of each signature its function and its one input."""


def write_saved_model(
    model: keras.Model,
    folder: str | os.PathLike,
    endpoints: Endpoints | None = None,
) -> None:
    """Writes a SavedModel; no XLA is inside, which TF Serving refuses.

    Args:
        model: one named input, one output of logits, computing in float32.
        folder: where to write.
        endpoints: what it answers; None: `array_endpoints` of the model.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (answer, spec) in (endpoints or array_endpoints(model)).items():
        archive.add_endpoint(name, answer, [spec])
    archive.write_out(os.fspath(folder), verbose=False)


def array_endpoints(model: keras.Model) -> Endpoints:
    """The signatures of a model of images or other arrays of one shape.

    `serving_default` takes the model's own input by its name, and answers
    with logits and probabilities. A model of square uint8 images with 1 or
    3 channels also answers `encoded_images`: whole image files as `bytes`,
    decoded and resized as in training.
    """
    image = model.inputs[0]
    spec = tf.TensorSpec(image.shape, image.dtype, image.name)
    answer = serving_fn(model)
    endpoints = {"serving_default": (answer, spec)}
    if accepts_encoded_images(spec):
        encoded = tf.TensorSpec((None,), tf.string, "bytes")
        endpoints["encoded_images"] = _decoding(answer, spec), encoded
    return endpoints


def accepts_encoded_images(spec: tf.TensorSpec) -> bool:
    """Whether image files can be decoded to what a model takes.

    Args:
        spec: of the model's input, with the batch axis.

    Example:

    >>> accepts_encoded_images(tf.TensorSpec((None, 28, 28, 1), tf.uint8))
    True
    >>> accepts_encoded_images(tf.TensorSpec((None, 784), tf.float32))
    False
    """
    if spec.dtype != tf.uint8 or spec.shape.rank != 4:
        return False
    _, height, width, channels = spec.shape
    return height is not None and height == width and channels in (1, 3)


def in_float32(model: keras.Model) -> keras.Model:
    """The model itself, or a copy that computes in float32 throughout.

    A model trained in mixed precision would answer with half the digits,
    and slowly on a CPU.
    """
    copy = rebuilt(model, "float32")
    if copy.get_config() == model.get_config():
        return model
    copy.set_weights(model.get_weights())
    return copy


def serving_fn(model: keras.Model) -> Callable:
    """A model's inputs → its logits and probabilities, by name."""

    def answer(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = tf.cast(model(inputs, training=False), tf.float32)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    return answer


def _decoding(answer: Callable, spec: tf.TensorSpec) -> Callable:
    _, size, _, channels = spec.shape
    decode = partial(decode_image, size=size, channels=channels)
    one = tf.TensorSpec(spec.shape[1:], spec.dtype)

    def answer_files(encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(tf.map_fn(decode, encoded, fn_output_signature=one))

    return answer_files
