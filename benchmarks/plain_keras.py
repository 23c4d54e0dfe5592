"""The work done by `fit` of Keras, as its users write it."""

import pathlib

import keras
import numpy as np
from keras import layers

from benchmarks.keras_models import encoder, mobilenet_base
from benchmarks.material import CLASSES
from benchmarks.work import BATCH_SIZE, Outcome, Watch, Work, read_epochs


class _Epochs(keras.callbacks.Callback):
    """Notes the seconds and the loss of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome = Outcome()

    def on_epoch_begin(self, epoch, logs=None):
        del epoch, logs
        self._watch = Watch()

    def on_epoch_end(self, epoch, logs=None):
        del epoch
        self.outcome.seconds.append(self._watch.seconds())
        self.outcome.losses.append(float(logs["loss"]))


def mlp(work: Work) -> Outcome:
    """An MLP on pixels from 0 to 1, SGD with momentum."""
    keras.utils.set_random_seed(work.seed)
    model = keras.Sequential(
        [
            keras.Input(work.inputs.shape[1:]),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(CLASSES),
        ]
    )
    sgd = keras.optimizers.SGD(0.01, momentum=0.9)
    return _fit(model, _pixels(work), work, sgd)


def cnn(work: Work) -> Outcome:
    """A CNN on pixels from 0 to 1, Adam."""
    _, model = _cnn(work)
    return _fit(model, _pixels(work), work)


def frozen(work: Work) -> Outcome:
    """The CNN with convolutions that are not trainable."""
    body, model = _cnn(work)
    body.trainable = False
    return _fit(model, _pixels(work), work)


def mobilenet(work: Work) -> Outcome:
    """A head on MobileNetV2, which is not trainable."""
    keras.utils.set_random_seed(work.seed)
    base = mobilenet_base()
    base.trainable = False
    model = keras.Sequential([base, layers.Dense(CLASSES)])
    return _fit(model, _pixels(work) * 2.0 - 1.0, work)


def folder(work: Work) -> Outcome:
    """Shuffled batches of decoded photos."""
    batches = keras.utils.image_dataset_from_directory(
        pathlib.Path(work.inputs[0]).parent.parent,
        image_size=(96, 96),
        batch_size=BATCH_SIZE,
        seed=work.seed,
        verbose=False,
    )
    return read_epochs(lambda: (images for images, _ in batches), work.epochs)


def transformer(work: Work) -> Outcome:
    """A Transformer encoder."""
    keras.utils.set_random_seed(work.seed)
    return _fit(encoder(), work.inputs, work)


def _pixels(work: Work) -> np.ndarray:
    return work.inputs.astype(np.float32) / 255.0


def _cnn(work: Work) -> tuple[keras.Model, keras.Model]:
    """The convolutions, and the model around them."""
    keras.utils.set_random_seed(work.seed)
    body = keras.Sequential(
        [
            keras.Input(work.inputs.shape[1:]),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
        ]
    )
    head = [layers.Dense(64, activation="relu"), layers.Dense(CLASSES)]
    return body, keras.Sequential([body, *head])


def _fit(
    model: keras.Model,
    inputs: np.ndarray,
    work: Work,
    optimizer: str | keras.optimizers.Optimizer = "adam",
) -> Outcome:
    epochs, watch = _Epochs(), Watch()
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    # a line an epoch costs less than the bar that is the default
    model.fit(
        inputs,
        work.labels,
        batch_size=BATCH_SIZE,
        epochs=work.epochs,
        verbose=2,
        callbacks=[epochs],
    )
    epochs.outcome.total = watch.seconds()
    return epochs.outcome
