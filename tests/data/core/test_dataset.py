import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import (
    Dataset,
    Source,
    Subset,
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


class Texts(Source):
    """Four texts with every optional member set."""

    has_targets, contiguous, encoding = True, True, b"code"
    cut_off, unknown = 0.25, 0.5

    def __init__(self):
        self.spec = tf.TensorSpec((None,), tf.int32, "tokens")
        self.labels = np.zeros(4, np.int64)
        self.hashes = np.arange(4, dtype=np.uint64)
        self.lengths = np.array([1, 2, 3, 4])
        self.texts = ArraySource(np.arange(4), np.zeros(4), name="text")
        self.tags = [np.full(n, n) for n in self.lengths]

    def gather(self, indices):
        return indices[:, None]

    def gather_at_epoch(self, epoch, indices):
        return self.gather(indices) + 10 * epoch

    def targets(self, indices):
        return -self.gather(indices)

    def name_of(self, index):
        return f"line {index}"


def test_a_subset_has_the_members_of_its_examples():
    part = take(Texts(), np.array([3, 1]))
    both = tf.constant([0, 1], tf.int64)
    assert part.lengths.tolist() == [4, 2]
    assert part.texts.gather(both).numpy().tolist() == [3, 1]
    assert [tags.tolist() for tags in part.tags] == [[4] * 4, [2, 2]]
    assert (part.has_targets, part.contiguous) == (True, True)
    assert (part.encoding, part.cut_off, part.unknown) == (b"code", 0.25, 0.5)
    epoch = tf.constant(2, tf.int64)
    assert part.gather_at_epoch(epoch, both).numpy().tolist() == [[23], [21]]
    assert part.targets(both).numpy().tolist() == [[-3], [-1]]
    assert part.name_of(0) == "line 3"


def test_members_have_defaults():
    whole, both = source(), tf.constant([5, 1], tf.int64)
    assert whole.lengths is whole.texts is whole.tags is whole.cut_off is None
    assert not (whole.has_targets or whole.contiguous or whole.encoding)
    assert whole.targets(both).numpy().tolist() == [2, 1]
    found = whole.gather_at_epoch(tf.constant(3, tf.int64), both)
    assert found.numpy().tolist() == whole.gather(both).numpy().tolist()
    assert whole.name_of(2) == "example 2"


def test_targets_follow_labels_that_were_changed():
    part = Subset(source(), np.array([4, 2]), np.array([7, 8]))
    assert part.targets(tf.constant([1, 0], tf.int64)).numpy().tolist() == [
        8,
        7,
    ]


def test_info_of_a_data_set():
    info = Dataset({"train": source()}, ("a", "b", "c")).info
    assert info.spec.name == "vector" and info.label_names == ("a", "b", "c")
    assert not info.tagged and not info.is_text
    assert Dataset({"train": Texts()}, ("O",)).info.tagged


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


def test_fingerprint_of_several_inputs():
    def made(**inputs):
        return fingerprint(ArraySource(inputs, [0, 1]))

    one, other = np.eye(2), np.ones((2, 3))
    assert made(a=one, b=other) == made(b=other, a=one)
    assert made(a=one, b=other) != made(a=one, c=other)


def test_check_labels():
    check_labels(np.array([0, 2]), ("a", "b", "c"))
    for wrong in (3, -1):
        message = rf"^Labels must be from 0 to 2, got {wrong} at example 1"
        with pytest.raises(UserError, match=message):
            check_labels(np.array([0, wrong]), ("a", "b", "c"))
