"""Trains on examples that a Python generator makes: spectrograms of waves.

    python examples/custom_dataset.py

The waves are the bundled digits, read row by row as 64 samples. A generator
gives a wave and its label at a time, and what is made of them is written to a
file that training reads row by row: the data may be larger than memory. A run
checks, splits and counts them as it does its own data sets.
"""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

import keras_ptft

FRAME, STEP = 16, 4
SHAPE = (13, 9, 1)


def waves():
    """Yields a wave, float32 of 64 samples from -1 to 1, and its label."""
    digits = load_digits()
    for pixels, label in zip(digits.data, digits.target, strict=True):
        yield pixels.astype(np.float32) / 8 - 1, int(label)


def spectrogram(wave):
    """Returns the log magnitude of a wave, of shape (frames, bins, 1)."""
    parts = tf.signal.stft(wave, frame_length=FRAME, frame_step=STEP)
    return tf.math.log1p(tf.abs(parts))[..., None].numpy()


def dataset(path, count):
    """Writes spectrograms to a file, and returns them as a data set.

    Args:
        path: of the file to write, which must stay while it is trained on.
        count: how many waves to take.
    """
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (count, *SHAPE))
    labels = np.zeros(count, np.int64)
    for index, (wave, label) in zip(range(count), waves(), strict=False):
        rows[index], labels[index] = spectrogram(wave), label
    rows.flush()
    source = keras_ptft.ArraySource(rows, labels, name="array")
    names = tuple(map(str, range(10)))
    return keras_ptft.Dataset({"train": source}, names, test_fraction=0.2)


def main():
    """Trains a small CNN on spectrograms."""
    data = dataset("spectrograms.npy", 1797)
    config = keras_ptft.Config(
        name="waves",
        backbone="cnn(filters=[16, 32], padding='same')",
        epochs=15,
        learning_rate=0.003,
    )
    result = keras_ptft.pretrain(config, dataset=data)
    print(f"accuracy {result.metrics['test']['accuracy']:.4f}")


if __name__ == "__main__":
    main()
