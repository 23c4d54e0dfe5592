"""The work done by `fit` of Keras, as its users write it."""

import functools
import pathlib
import time
from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks import common
from benchmarks.common import Outcome, Work

_WIDTH = 128
_HEADS = 4


def mobilenet_base() -> keras.Model:
    """Returns MobileNetV2 without its head, with random weights."""
    return keras.applications.MobileNetV2(
        common.PHOTO, include_top=False, weights=None, pooling="avg"
    )


def encoder() -> keras.Model:
    """Returns a Transformer encoder of 2 layers (Vaswani et al. 2017)."""
    # PyTorch draws the same, so that the losses can be compared
    drawn = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.05)}
    vectors = keras.initializers.RandomNormal(stddev=1.0)
    inputs = keras.Input((common.LENGTH,), dtype="int32", name="tokens")
    x = layers.Embedding(common.VOCABULARY, _WIDTH, vectors)(inputs)
    for _ in range(2):
        attention = layers.MultiHeadAttention(_HEADS, _WIDTH // _HEADS, **drawn)
        x = layers.LayerNormalization(epsilon=1e-5)(x + attention(x, x))
        hidden = layers.Dense(4 * _WIDTH, activation="relu", **drawn)(x)
        hidden = layers.Dense(_WIDTH, **drawn)(hidden)
        x = layers.LayerNormalization(epsilon=1e-5)(x + hidden)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(common.CLASSES, **drawn)(x))


def mlp(work: Work) -> Outcome:
    """An MLP on pixels from 0 to 1, SGD with momentum."""
    keras.utils.set_random_seed(work.seed)
    hidden = [layers.Dense(units, activation="relu") for units in (128, 64)]
    head = layers.Dense(common.CLASSES)
    model = keras.Sequential([layers.Flatten(), *hidden, head])
    sgd = keras.optimizers.SGD(0.01, momentum=0.9)
    return _fit(model, _pixels(work), work, sgd)


def cnn(work: Work, *, trainable: bool = True) -> Outcome:
    """A CNN on pixels from 0 to 1, Adam."""
    keras.utils.set_random_seed(work.seed)
    conv1, conv2, conv3 = (
        layers.Conv2D(filters, 3, activation="relu") for filters in (32, 64, 64)
    )
    pool1, pool2 = layers.MaxPooling2D(2), layers.MaxPooling2D(2)
    convolutions = [conv1, pool1, conv2, pool2, conv3, layers.Flatten()]
    body = keras.Sequential([keras.Input((28, 28, 1)), *convolutions])
    body.trainable = trainable
    head = [layers.Dense(64, activation="relu"), layers.Dense(common.CLASSES)]
    return _fit(keras.Sequential([body, *head]), _pixels(work), work)


frozen = functools.partial(cnn, trainable=False)


def mobilenet(work: Work) -> Outcome:
    """A head on MobileNetV2, which is not trainable."""
    keras.utils.set_random_seed(work.seed)
    base = mobilenet_base()
    base.trainable = False
    model = keras.Sequential([base, layers.Dense(common.CLASSES)])
    return _fit(model, _pixels(work) * 2.0 - 1.0, work)


def folder(work: Work) -> Outcome:
    """Shuffled batches of decoded photos."""
    root = pathlib.Path(work.inputs[0]).parent.parent
    sizes = {"image_size": common.PHOTO[:2], "batch_size": common.BATCH_SIZE}
    read = keras.utils.image_dataset_from_directory
    batches = read(root, seed=work.seed, verbose=False, **sizes)
    return common.read_pixels(work.epochs, lambda: (x for x, _ in batches))


def transformer(work: Work) -> Outcome:
    """A Transformer encoder, Adam."""
    keras.utils.set_random_seed(work.seed)
    return _fit(encoder(), work.inputs, work)


def _pixels(work: Work) -> np.ndarray:
    return work.inputs.astype(np.float32) / 255.0


def _fit(
    model: keras.Model, inputs: np.ndarray, work: Work, optimizer: Any = "adam"
) -> Outcome:
    model.build((None, *inputs.shape[1:]))
    times = [time.perf_counter()]
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: times.append(time.perf_counter()),
        on_epoch_end=lambda *_: times.append(time.perf_counter()),
    )
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, cross_entropy, metrics=["accuracy"])
    # verbose 2, a line an epoch, costs less than the bar that is the default
    settings = {"epochs": work.epochs, "verbose": 2, "callbacks": [clock]}
    settings["batch_size"] = common.BATCH_SIZE
    history = model.fit(inputs, work.labels, **settings).history
    total = time.perf_counter() - times[0]
    seconds = np.subtract(times[2::2], times[1::2]).tolist()
    return Outcome(seconds, history["loss"], total, model.count_params())
