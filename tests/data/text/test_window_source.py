"""Windows of tokens: their cuts, shifts and ends of texts."""

from functools import partial

import numpy as np
import tensorflow as tf

from keras_ptft.data.pipeline.batching import training_batches
from keras_ptft.data.pipeline.showing import Showing
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import texts_of
from keras_ptft.data.text.tokenizers import END, learn
from keras_ptft.data.text.window_source import (
    TokenWindowSource,
    token_window_source,
)

TEXTS = ["to be or not to be", "", "be", "天地 to"]


def test_windows_by_hand():
    source = TokenWindowSource(np.arange(1, 9, dtype=np.int32), length=3)
    found = source.gather(tf.range(3, dtype=tf.int64)).numpy().tolist()
    assert found == [[1, 2, 3, 4], [4, 5, 6, 7], [7, 8, 0, 0]]


def test_each_token_is_predicted_once_an_epoch_up_to_the_shift():
    ids = np.arange(1, 101, dtype=np.int32)
    source = TokenWindowSource(ids, length=7)
    every = tf.range(len(source), dtype=tf.int64)
    starts = set()
    for epoch in range(7):
        shown = source.gather_at_epoch(
            tf.constant(epoch, tf.int64), every
        ).numpy()
        targets = shown[:, 1:][shown[:, 1:] > 0]
        assert targets.tolist() == list(range(targets[0], 101))
        starts.add(int(targets[0]))
    # over as many epochs as a window is long, each token begins one once
    assert starts == set(range(2, 9))


def test_separate_texts_end_and_contiguous_ones_do_not():
    texts = in_memory([text.encode() for text in TEXTS])
    separate = TextSource(texts)
    tokenizer = learn("characters", partial(texts_of, separate), 5)
    apart = token_window_source(separate, tokenizer)
    one = token_window_source(TextSource(texts, contiguous=True), tokenizer)
    first = apart.gather(tf.range(len(apart), dtype=tf.int64)).numpy()
    second = one.gather(tf.range(len(one), dtype=tf.int64)).numpy()
    # 10 tokens; the last END of four is predicted too
    assert (first[:, 1:] == END).sum() == 4
    assert not (second == END).any()
    assert (second[:, 1:] > 0).sum() == 9


def test_windows_are_augmented_too():
    source = TokenWindowSource(np.arange(1, 1001, dtype=np.int32), length=10)

    def gaps(inputs, seeds):
        return tf.where(seeds[:, 2:] % 2 == 0, inputs, 0)

    def transform(inputs, labels, seeds):
        return inputs, seeds[:, 2], tf.ones_like(labels, tf.float32)

    batches = training_batches(
        source, transform, batch_size=16, seed=0, showing=Showing(gaps)
    )
    inputs, numbers, _ = next(iter(batches))
    shown = inputs.numpy().any(axis=1)
    assert (shown == (numbers.numpy() % 2 == 0)).all() and not shown.all()
