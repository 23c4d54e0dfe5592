"""Small data sets whose examples are known by their numbers."""

import numpy as np

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset


def numbered(labels, start=0, groups=None):
    """Examples whose content is their number."""
    count = len(labels)
    inputs = np.arange(start, start + count, dtype=np.float32)[:, None]
    source = ArraySource(inputs, labels, name="vector")
    if groups is not None:
        source.groups = np.array(groups, np.uint64)
    return source


def made(train, test, names):
    """A data set of two splits, which share no example."""
    splits = {"train": numbered(train), "test": numbered(test, 1000)}
    return Dataset(splits, names)
