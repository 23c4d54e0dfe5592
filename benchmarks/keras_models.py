"""Models that no contestant brings along, as a Keras user writes them."""

import keras
from keras import layers

from benchmarks.material import CLASSES

WIDTH = 128
HEADS = 4
LENGTH = 64
VOCABULARY = 1_000


def mobilenet_base() -> keras.Model:
    """MobileNetV2 without its head, with random weights."""
    return keras.applications.MobileNetV2(
        (96, 96, 3), include_top=False, weights=None, pooling="avg"
    )


def encoder() -> keras.Model:
    """Tokens to logits by 2 layers of the encoder of Vaswani et al. 2017."""
    # drawn alike by PyTorch, so that the losses can be compared
    drawn = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.05)}
    inputs = keras.Input((LENGTH,), dtype="int32", name="tokens")
    x = layers.Embedding(
        VOCABULARY, WIDTH, keras.initializers.RandomNormal(stddev=1.0)
    )(inputs)
    for _ in range(2):
        attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, **drawn)
        x = layers.LayerNormalization(epsilon=1e-5)(x + attention(x, x))
        hidden = layers.Dense(4 * WIDTH, activation="relu", **drawn)(x)
        hidden = layers.Dense(WIDTH, **drawn)(hidden)
        x = layers.LayerNormalization(epsilon=1e-5)(x + hidden)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(CLASSES, **drawn)(x))
