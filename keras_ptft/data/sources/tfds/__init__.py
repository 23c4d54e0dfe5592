"""Data sets of TensorFlow Datasets."""

from keras_ptft.data.sources.tfds.builder import fashion_mnist, mnist, tfds

__all__ = ["fashion_mnist", "mnist", "tfds"]
