"""Pretrains a Keras backbone of your own, and freezes a part of it by name.

    python examples/custom_backbone.py

A backbone is any functional `keras.Model` from inputs to features. Layers
with a name that all data pass through are cut points for `freeze`. A layer
class of your own is registered with Keras, so that the run folder can be read
back; where another process reads it, name this module for it:

    export PYTHONPATH=examples KERAS_PTFT_MODULES=custom_backbone
    keras-ptft evaluate runs/gated
"""

import keras
from keras import layers

import keras_ptft


@keras.saving.register_keras_serializable(package="examples")
class ChannelGate(layers.Layer):
    """Scales each channel by what all of the image says of it.

    Hu et al. 2018, "Squeeze-and-Excitation Networks".
    """

    def build(self, shape):
        """Makes one dense layer from channels to channels."""
        self.dense = layers.Dense(shape[-1], "sigmoid", name="dense")
        self.dense.build((shape[0], shape[-1]))

    def call(self, x):
        """Scales x, of shape (batch, height, width, channels)."""
        means = keras.ops.mean(x, (1, 2), keepdims=True)
        return x * self.dense(means)


def gated_cnn(side=28):
    """Returns a backbone from grey pixels to 32 features."""
    inputs = keras.Input((side, side, 1), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 255, name="scaled")(inputs)
    for number, filters in enumerate((16, 32), 1):
        x = layers.Conv2D(filters, 3, activation="relu", strides=2)(x)
        x = ChannelGate(name=f"gate{number}")(x)
    x = layers.Flatten(name="flat")(x)
    features = layers.Dense(32, activation="relu", name="features")(x)
    return keras.Model(inputs, features, name="backbone")


def main():
    """Trains it on the digits 0 to 4, then its end on 5 to 9."""
    config = keras_ptft.Config(dataset="digits", image_size=28)
    keras_ptft.pretrain(
        config.replace(
            name="gated", classes="0-4", epochs=20, learning_rate=0.003
        ),
        backbone=gated_cnn(),
    )
    tuned = keras_ptft.finetune(
        config.replace(
            name="gated_tuned",
            init_from="gated",
            classes="5-9",
            freeze="gate1",
            epochs=10,
            learning_rate=0.003,
        )
    )
    print(f"accuracy {tuned.metrics['test']['accuracy']:.4f}")


if __name__ == "__main__":
    main()
