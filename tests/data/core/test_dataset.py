import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import (
    Dataset,
    check_labels,
    fingerprint,
    take,
)
from keras_ptft.errors import UserError


def source(count=6):
    inputs = np.arange(count * 2, dtype=np.float32).reshape(count, 2)
    return ArraySource(inputs, np.arange(count) % 3, name="vector")


def test_take_gives_what_it_names_in_that_order():
    part = take(source(), np.array([4, 1]))
    assert len(part) == 2 and part.labels.tolist() == [1, 1]
    assert part.gather(tf.constant([1, 0, 1], tf.int64)).numpy().tolist() == [
        [2, 3],
        [8, 9],
        [2, 3],
    ]
    assert part.hashes.tolist() == source().hashes[[4, 1]].tolist()


def test_take_of_a_taken_reaches_the_first_source():
    whole = source()
    part = take(take(whole, np.array([5, 3, 0])), np.array([2, 0]))
    assert part.source is whole
    assert part.indices.tolist() == [0, 5]
    assert part.labels.tolist() == [0, 2]


def test_with_splits_leaves_the_first_alone():
    first = Dataset({"train": source()}, ("a", "b", "c"))
    second = first.with_splits(test=source(3))
    assert set(first.splits) == {"train"}
    assert set(second.splits) == {"train", "test"}
    assert second.spec.name == "vector" and second.spec.shape == (2,)


def test_fingerprint_knows_inputs_labels_order_and_shape():
    whole = source()
    same = take(whole, np.arange(6))
    swapped = take(whole, np.array([1, 0, 2, 3, 4, 5]))
    labels = ArraySource(np.arange(12.0).reshape(6, 2), np.zeros(6))
    assert fingerprint(whole) == fingerprint(same)
    others = {fingerprint(item) for item in (whole, swapped, labels)}
    assert len(others) == 3


def test_check_labels():
    check_labels(np.array([0, 2]), ("a", "b", "c"))
    for wrong in (3, -1):
        message = rf"^Labels must be from 0 to 2, got {wrong} at example 1"
        with pytest.raises(UserError, match=message):
            check_labels(np.array([0, wrong]), ("a", "b", "c"))
