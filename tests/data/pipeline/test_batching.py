import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.pipeline.batching import (
    evaluation_batches,
    steps_per_epoch,
    training_batches,
    unweighted,
    weighted,
)
from keras_ptft.data.pipeline.showing import Showing


def source(count=10):
    inputs = np.arange(count, dtype=np.float32)[:, None]
    return ArraySource(inputs, np.arange(count), name="vector")


def batches(count, *, size=10, batch_size=3, seed=0, **settings):
    endless = training_batches(
        source(size), unweighted, batch_size=batch_size, seed=seed, **settings
    )
    found = itertools.islice(endless.as_numpy_iterator(), count)
    return [inputs[:, 0].tolist() for inputs, _, _ in found]


def test_an_epoch_is_a_permutation_and_epochs_differ():
    found = batches(4, batch_size=5)
    first, second = found[0] + found[1], found[2] + found[3]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_the_remainder_waits():
    assert steps_per_epoch(source(), 3) == 3
    found = batches(6)
    for epoch in (found[:3], found[3:]):
        assert len(set(itertools.chain(*epoch))) == 9


def test_seeds_differ():
    assert batches(3, seed=1) != batches(3, seed=2)
    assert batches(3, seed=1) == batches(3, seed=1)


@pytest.mark.parametrize("start", [0, 2, 3, 7, 3_000_000_000])
def test_any_step_is_reached_at_once(start):
    if start < 10:
        assert batches(10)[start:] == batches(10 - start, start_step=start)
    else:
        assert len(batches(1, start_step=start)[0]) == 3


def test_labels_and_inputs_go_together():
    endless = training_batches(source(), unweighted, batch_size=4, seed=3)
    inputs, labels, weights = next(endless.as_numpy_iterator())
    assert (inputs[:, 0] == labels).all() and labels.dtype == np.int64
    assert weights.tolist() == [1.0] * 4


def test_class_weights_multiply():
    weights = np.arange(10, dtype=np.float32)
    transform = weighted(unweighted, weights)
    endless = training_batches(source(), transform, batch_size=4, seed=3)
    _, labels, found = next(endless.as_numpy_iterator())
    assert found.tolist() == weights[labels].tolist()


def test_augment_is_given_seed_epoch_and_example():
    def show(inputs, seeds):
        return tf.concat([inputs, tf.cast(seeds, tf.float32)], 1)

    endless = training_batches(
        source(), unweighted, batch_size=5, seed=7, showing=Showing(show)
    )
    for step, (shown, labels, _) in enumerate(endless.take(4)):
        assert shown[:, 1].numpy().tolist() == [7] * 5
        assert shown[:, 2].numpy().tolist() == [step // 2] * 5
        assert shown[:, 3].numpy().tolist() == labels.numpy().tolist()


def test_a_source_of_one_example():
    assert batches(3, size=1, batch_size=1) == [[0], [0], [0]]
    only = evaluation_batches(source(1), unweighted, batch_size=4)
    [(inputs, _, weights)] = only.as_numpy_iterator()
    assert inputs[:, 0].tolist() == [0] * 4
    assert weights.tolist() == [1, 0, 0, 0]


def test_evaluation_drops_nothing_and_pads_at_weight_0():
    found = list(
        evaluation_batches(
            source(), unweighted, batch_size=4
        ).as_numpy_iterator()
    )
    labels = np.concatenate([batch[1] for batch in found])
    weights = np.concatenate([batch[2] for batch in found])
    assert labels.tolist() == [*range(10), 0, 0]
    assert weights.tolist() == [1] * 10 + [0, 0]


def test_evaluation_in_whole_batches_has_no_padding():
    found = list(evaluation_batches(source(8), unweighted, batch_size=4))
    assert len(found) == 2
    assert all(weights.numpy().all() for _, _, weights in found)


def test_batches_have_static_shapes():
    endless = training_batches(source(), unweighted, batch_size=4, seed=0)
    assert endless.element_spec[0].shape == (4, 1)
    whole = evaluation_batches(source(), unweighted, batch_size=4)
    assert whole.element_spec[0].shape == (4, 1)


@pytest.mark.parametrize("count", [2, 3, 6])
def test_shards_make_up_the_batch(count):
    whole = batches(5, batch_size=6, size=20)
    shards = [
        batches(5, batch_size=6, size=20, shard=(index, count))
        for index in range(count)
    ]
    together = zip(*shards, strict=True)
    assert whole == [list(itertools.chain(*parts)) for parts in together]


def test_evaluation_shards_show_every_example_once():
    shown = []
    for index in range(2):
        part = evaluation_batches(
            source(), unweighted, batch_size=4, shard=(index, 2)
        )
        for _, labels, weights in part.as_numpy_iterator():
            assert labels.shape == (2,)
            shown += labels[weights > 0].tolist()
    assert sorted(shown) == list(range(10))


def test_without_class_weights_the_transform_is_itself():
    assert weighted(unweighted, None) is unweighted


def test_several_inputs():
    inputs = {"a": np.arange(10.0)[:, None], "b": np.arange(10)}
    several = ArraySource(inputs, np.arange(10))
    endless = training_batches(several, unweighted, batch_size=4, seed=0)
    found, labels, _ = next(endless.as_numpy_iterator())
    assert found["a"][:, 0].tolist() == found["b"].tolist() == labels.tolist()
    assert endless.element_spec[0]["a"].shape == (4, 1)
    last = list(evaluation_batches(several, unweighted, batch_size=4))[-1]
    assert last[0]["b"].numpy().tolist() == [8, 9, 0, 0]
