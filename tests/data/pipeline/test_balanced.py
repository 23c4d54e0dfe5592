"""Classes that come alike, by counting."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import Loading, load
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import DerivedSource, take
from keras_ptft.data.pipeline.balanced import balanced, class_counts
from keras_ptft.data.pipeline.batching import training_batches, unweighted
from keras_ptft.data.pipeline.showing import Showing
from keras_ptft.errors import UserError

# 100 of one class, 10 and 3 of others; 1 has none
LABELS = np.random.default_rng(0).permutation([0] * 100 + [2] * 10 + [3] * 3)


def source(labels=LABELS):
    numbers = np.arange(len(labels), dtype=np.float32)[:, None]
    return ArraySource(numbers, labels, name="vector")


def epoch(number, size, labels=LABELS, seed=0):
    order = balanced(source(labels), size)
    key = tf.constant([seed, number], tf.int64)
    return order(tf.range(size, dtype=tf.int64), key).numpy()


@pytest.mark.parametrize("size", [60, 64, 65, 113])
def test_each_class_comes_as_often(size):
    extra = set()
    for number in range(3):
        shown = epoch(number, size)
        counts = np.bincount(LABELS[shown])[[0, 2, 3]]
        assert counts.sum() == size and np.ptp(counts) == (size % 3 > 0)
        extra.add(tuple(counts - counts.min()))
        for label in (0, 2, 3):
            members = np.flatnonzero(label == LABELS)
            times = np.bincount(shown, minlength=113)[members]
            # an example comes again when all others of its class have come
            assert np.ptp(times) <= 1
    # those that come once more are others in each epoch
    assert len(extra) == (3 if size % 3 else 1)


def test_another_epoch_or_seed_is_another_order():
    shown = [epoch(0, 60), epoch(1, 60), epoch(0, 60, seed=1)]
    assert len({tuple(one) for one in shown}) == 3
    np.testing.assert_array_equal(shown[0], epoch(0, 60))
    # of the largest class other examples too
    large = [set(one[LABELS[one] == 0]) for one in shown]
    assert len(large[0] & large[1]) < 12


def test_classes_are_mixed_within_an_epoch():
    labels = LABELS[epoch(0, 600)]
    parts = [np.bincount(part)[[0, 2, 3]] for part in labels.reshape(10, 60)]
    assert np.std(parts) < 6
    assert np.abs(np.corrcoef(labels[:-1], labels[1:])[0, 1]) < 0.15


def batches(examples, count, **settings):
    made = training_batches(
        examples, unweighted, seed=3, showing=Showing(balanced=True), **settings
    )
    found = made.take(count).as_numpy_iterator()
    return [
        (inputs.ravel().tolist(), labels.tolist())
        for inputs, labels, _ in found
    ]


def test_batches_are_a_function_of_the_step_and_shards_make_them_up():
    whole = batches(source(), 30, batch_size=8)
    # 14 steps an epoch, as without balance
    assert batches(source(), 10, batch_size=8, start_step=20) == whole[20:]
    shards = [
        batches(source(), 30, batch_size=8, shard=(n, 4)) for n in range(4)
    ]
    for step, (inputs, labels) in enumerate(whole):
        assert inputs == [x for part in shards for x in part[step][0]]
        assert labels == [y for part in shards for y in part[step][1]]


def test_real_digits_of_which_some_are_rare():
    digits = load("digits", Loading(image_size=8)).splits["train"]
    rare = [
        np.flatnonzero(digits.labels == n)[: 120 - 12 * n] for n in range(9)
    ]
    some = take(digits, np.concatenate(rare))
    assert class_counts(some).tolist() == [120 - 12 * n for n in range(9)]
    found = batches(some, 20, batch_size=32)
    # 648 examples make 20 batches
    counts = np.bincount(np.concatenate([labels for _, labels in found]))
    assert sorted(counts.tolist()) == [71] * 8 + [72]


class Texts(DerivedSource):
    """Examples of different lengths."""

    def __init__(self, given):
        super().__init__(given)
        self.lengths = np.arange(len(given)) % 50 + 1


def test_texts_are_balanced_and_still_alike_in_length():
    texts = Texts(source())
    found = batches(texts, 14, batch_size=8)
    counts = np.bincount(np.concatenate([labels for _, labels in found]))
    assert counts[[0, 2, 3]].tolist() in (
        [37, 37, 38],
        [37, 38, 37],
        [38, 37, 37],
    )
    lengths = [texts.lengths[np.array(inputs, int)] for inputs, _ in found]
    # a random batch of 8 spans 40 of the 50 lengths
    assert np.mean([np.ptp(one) for one in lengths]) < 12


def test_without_classes_there_is_no_balance():
    message = "needs one label an example and 2 classes or more, got one class"
    with pytest.raises(UserError, match=message):
        balanced(source(np.zeros(5, int)), 5)
    tagged = source()
    tagged.has_targets = True
    with pytest.raises(UserError, match="got other targets: use --sampling=sh"):
        class_counts(tagged)
    numbers = source(np.zeros(5, int))
    numbers.values = np.arange(5, dtype=np.float32)
    with pytest.raises(UserError, match="got other targets: use --sampling=sh"):
        class_counts(numbers)
