import keras
import numpy as np
import tensorflow as tf

from keras_ptft.models.grey import for_grey, in_color
from keras_ptft.models.saved import load_model

COLOR = tf.TensorSpec((8, 8, 3), tf.uint8, "image")
GREY = tf.TensorSpec((8, 8, 1), tf.uint8, "image")


def color_model():
    """A residual block, so that the input's layer has one reader of many."""
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255, name="scaled")(image)
    x = keras.layers.Conv2D(4, 3, padding="same", name="first")(x)
    y = keras.layers.Conv2D(4, 3, padding="same", name="second")(x)
    x = keras.layers.Add(name="added")([x, y])
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(image, x, name="backbone")


def test_a_grey_image_gives_what_its_three_equal_channels_give(tmp_path):
    model = color_model()
    grey = for_grey(model)
    grey.set_weights(model.get_weights())
    assert [layer.name for layer in grey.layers if layer.weights] == [
        layer.name for layer in model.layers if layer.weights
    ]
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    expected = model(images.repeat(3, axis=-1)).numpy()
    np.testing.assert_array_equal(grey(images).numpy(), expected)
    grey.save(tmp_path / "grey.keras")
    again = load_model(tmp_path / "grey.keras")
    np.testing.assert_array_equal(again(images).numpy(), expected)
    assert again.name == "backbone"


def test_only_grey_images_for_a_model_of_colour_are_shown_in_colour():
    model = color_model()
    assert in_color(model, GREY) == COLOR
    assert in_color(model, COLOR) is COLOR
    assert in_color(for_grey(model), GREY) is GREY
    vector = tf.TensorSpec((8,), tf.float32, "vector")
    assert in_color(model, vector) is vector
    several = {"image": GREY, "vector": vector}
    assert in_color(model, several) is several
