"""A model of images for images of another size, or grey ones."""

import keras
import tensorflow as tf

from keras_ptft.models.structure import input_spec

_COLORS = 3
_BRIGHTEST = 255.0


def takes_images(model: keras.Model, spec: tf.TensorSpec) -> bool:
    """Returns whether `for_images` can feed such images to a model.

    Args:
        model: functional.
        spec: of one example, without the batch axis.
    """
    theirs = input_spec(model)
    if not isinstance(theirs, tf.TensorSpec):
        return False
    if theirs.shape.rank != 3 or spec.shape.rank != 3:
        return False
    has_colors = theirs.shape[-1] == spec.shape[-1] or (
        (theirs.shape[-1], spec.shape[-1]) == (_COLORS, 1)
    )
    return has_colors and theirs.dtype == spec.dtype == tf.uint8


def for_images(model: keras.Model, spec: tf.TensorSpec) -> keras.Model:
    """Puts a resize before a model, and grey to colour where it takes colour.

    They are resized as image files are, bilinearly with antialiasing, and
    rounded to whole numbers. The model itself is part of the result.

    Args:
        model: functional, from images of 8 bits.
        spec: of the images, see `takes_images`.

    Returns:
        A model that takes such images, with the weights of the given one.

    Example:

    >>> image = keras.Input((4, 4, 3), dtype="uint8", name="image")
    >>> model = keras.Model(image, keras.layers.Rescaling(1.0)(image))
    >>> grey = for_images(model, tf.TensorSpec((2, 2, 1), tf.uint8, "image"))
    >>> pixels = tf.constant([[[[0], [100]], [[0], [100]]]], tf.uint8)
    >>> grey(pixels)[0, 0, :, 2].numpy().tolist()
    [0.0, 25.0, 75.0, 100.0]
    """
    inputs = keras.Input(spec.shape, dtype=spec.dtype.name, name=spec.name)
    height, width, channels = model.input_shape[1:]
    x = inputs
    if (height, width) != tuple(spec.shape[:2]):
        x = keras.ops.image.resize(
            keras.ops.cast(x, "float32"), (height, width), antialias=True
        )
        x = keras.ops.clip(keras.ops.round(x), 0.0, _BRIGHTEST)
        x = keras.ops.cast(x, "uint8")
    if channels != spec.shape[-1]:
        x = keras.ops.concatenate([x] * channels, axis=-1)
    return keras.Model(inputs, model(x), name="teacher")
