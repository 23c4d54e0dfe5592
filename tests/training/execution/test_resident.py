"""Batches that are gathered in the training loop are those of the pipeline."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import take
from keras_ptft.data.core.joined import JoinedSource
from keras_ptft.data.core.rows import Rows, rows_on
from keras_ptft.data.pipeline.batching import (
    training_batch,
    training_batches,
    unweighted,
)
from keras_ptft.data.pipeline.epoch_views import Views
from keras_ptft.data.pipeline.mix import Mixing
from keras_ptft.data.pipeline.poisson import Poisson
from keras_ptft.data.pipeline.showing import Showing
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import TokenSource
from keras_ptft.data.text.window_source import TokenWindowSource
from keras_ptft.errors import UserError
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.execution.resident import choose_resident

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 1), np.uint8)
ARRAYS = ArraySource(IMAGES, np.arange(60) % 5)
ENDS = np.cumsum(np.random.default_rng(1).integers(1, 20, 60))
IDS = np.arange(3, 3 + ENDS[-1], dtype=np.int32)
TAGS = np.arange(ENDS[-1]) % 7
SOURCES = {
    "arrays": ARRAYS,
    "several inputs": ArraySource({"a": IMAGES, "b": IMAGES[:, 0]}),
    "numbers": ArraySource(IMAGES, values=np.linspace(0, 1, 60)),
    "subset": take(ARRAYS, np.arange(59, 3, -1)),
    "joined": JoinedSource([ARRAYS, take(ARRAYS, np.arange(5))]),
    "views": Views((ARRAYS, ArraySource(255 - IMAGES, ARRAYS.labels))),
    "tokens": TokenSource(IDS, ENDS, np.zeros(60), np.zeros(60), longest=16),
    "tags": TokenSource(
        IDS, ENDS, np.zeros(60), np.zeros(60), longest=16, tags=TAGS
    ),
    "windows": TokenWindowSource(IDS, length=7),
}


def swapped(inputs, others, seeds):
    """Shows the partner alone."""
    del inputs
    return others, tf.ones_like(seeds[:, 0], tf.float32) / 4


def brighter(inputs, seeds):
    return inputs + tf.cast(seeds[:, 2] % 3, inputs.dtype)[:, None, None, None]


SHOWINGS = {
    "augmented": Showing(brighter),
    "mixed": Showing(mix=Mixing(swapped, lambda labels: tf.one_hot(labels, 5))),
    "balanced": Showing(balanced=True),
    "poisson": Showing(poisson=Poisson(2**32 // 8, 8, (20, 26))),
}
CASES = [(source, Showing()) for source in SOURCES.values()] + [
    (ARRAYS, showing) for showing in SHOWINGS.values()
]


@pytest.mark.parametrize(
    ("source", "showing"), CASES, ids=[*SOURCES, *SHOWINGS]
)
def test_two_replicas_gather_the_halves_of_each_batch(source, showing):
    settings = {"batch_size": 8, "seed": 5, "showing": showing}
    pipeline = training_batches(source, unweighted, **settings)
    batch_at = training_batch(
        source, unweighted, shards=[(0, 2), (1, 2)], **settings
    )
    gathered = tf.function(batch_at, autograph=False)
    # two epochs of 7 steps, and a bit
    for step, expected in enumerate(pipeline.take(16)):
        parts = [
            gathered(tf.constant(step, tf.int64), tf.constant(replica))
            for replica in range(2)
        ]
        for whole, *halves in zip(
            *map(tf.nest.flatten, (expected, *parts)), strict=True
        ):
            # half of a batch of texts may need less padding
            assert [len(half) for half in halves] == [4, 4]
            for half, same in zip(halves, (whole[:4], whole[4:]), strict=True):
                width = half.shape[1] if half.shape.rank > 1 else None
                cut = same if width is None else same[:, :width]
                np.testing.assert_array_equal(half, cut)
                assert width is None or not np.any(same[:, width:] > 0)


def test_what_a_device_holds_by_hand():
    assert ARRAYS.bytes_held == 60 * 16
    assert take(ARRAYS, [3, 4]).bytes_held == 60 * 16
    assert SOURCES["several inputs"].bytes_held == 60 * (16 + 4)
    assert SOURCES["views"].bytes_held == 2 * 60 * 16
    assert SOURCES["joined"].bytes_held == 2 * 60 * 16
    assert SOURCES["windows"].bytes_held == 4 * ENDS[-1]
    assert SOURCES["tokens"].bytes_held == 4 * ENDS[-1]
    assert SOURCES["tags"].bytes_held == (4 + 8) * ENDS[-1]


def test_rows_are_held_once_on_each_device_that_reads_them():
    rows = Rows(np.arange(6).reshape(3, 2))
    second = tf.config.list_logical_devices("CPU")[1].name

    @tf.function(autograph=False)
    def read(indices):
        with tf.device(second), rows_on(second):
            return rows.gather(indices)

    assert read(tf.constant([2, 0])).numpy().tolist() == [[4, 5], [0, 1]]
    (held,) = read.get_concrete_function(tf.constant([0, 0])).captured_inputs
    assert held.device.endswith(second)
    assert rows.gather(tf.constant([1])).device.endswith("CPU:0")


def test_a_strategy_holds_rows_as_variables_of_each_replica():
    strategy = get_strategy("mirrored")
    rows = Rows(np.arange(6, dtype=np.uint8).reshape(3, 2))
    with rows_on(strategy):
        held = rows.gather(tf.constant([1]))
    assert held.numpy().tolist() == [[2, 3]]

    def of_replica(indices):
        with rows_on(strategy):
            return rows.gather(indices)

    @tf.function(autograph=False)
    def read(indices):
        return strategy.run(of_replica, args=(indices,))

    indices = tf.constant([2, 0])
    for part in strategy.experimental_local_results(read(indices)):
        assert part.numpy().tolist() == [[4, 5], [0, 1]]
    variables = read.get_concrete_function(indices).graph.variables
    assert {v.device[-5:] for v in variables} == {"CPU:0", "CPU:1"}
    assert {v.dtype for v in variables} == {tf.uint8}


@pytest.fixture
def mapped(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    return ArraySource(np.load(tmp_path / "images.npy", mmap_mode="r"))


def chosen(source, setting="auto", changing=False):
    return choose_resident(setting, source, changing=changing)


def test_auto_takes_what_is_in_memory(mapped):
    texts = TextSource(in_memory([b"one", b"two"]), [0, 1])
    assert all(map(chosen, SOURCES.values()))
    assert not chosen(ARRAYS, "false")
    assert not chosen(mapped)
    assert not chosen(Views((ARRAYS, mapped)))
    assert not chosen(texts)


@pytest.mark.parametrize(
    ("kind", "size", "changing", "expected"),
    [
        ("CPU", 2 * 10**9, False, True),
        ("CPU", 2 * 10**9, True, False),
        ("GPU", 10**9, True, True),
        ("GPU", 10**9 + 1, False, False),
        ("TPU", 1, False, False),
    ],
)
def test_what_auto_decides(monkeypatch, kind, size, changing, expected):
    def found(asked):
        return [f"{asked}:0"] if asked == kind else []

    monkeypatch.setattr(tf.config, "list_logical_devices", found)
    source = SimpleNamespace(bytes_held=size)
    assert chosen(source, changing=changing) is expected
    assert chosen(source, "true", changing)


def test_what_changes_examples():
    assert [showing.changes_inputs for showing in SHOWINGS.values()] == [
        *(True, True, False, False)
    ]


def test_files_cannot_be_held(mapped):
    with pytest.raises(UserError, match="needs examples in memory, got a data"):
        chosen(mapped, "true")
