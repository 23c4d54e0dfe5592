import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.text.tokenizers import END, Tokenizer
from keras_ptft.serving.generation.sampling import Sampling, stepper


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_only_words_and_ends_are_written(temperature):
    # all logits alike: padding, unknown and mask are never chosen
    size, inputs = 6, keras.Input((None,), dtype="int32", name="tokens")
    table = keras.layers.Embedding(size, size, embeddings_initializer="zeros")
    model = keras.Model(inputs, table(inputs))
    names = ("[PAD]", "[UNK]", "[MASK]", "[END]", "a", "b")
    tokenizer = Tokenizer("words", names, np.ones(6, np.int64), 4)
    step = stepper(model, tokenizer, Sampling(1, temperature))
    ids = tf.constant([[4, 0, 0, 0]] * 600 + [[4, 5, 4, 5]] * 600)
    lengths = tf.repeat(tf.constant([1, 4], tf.int64), 600)
    ids, lengths, chosen = step(
        ids, lengths, tf.range(1200, dtype=tf.int64), np.int64(0)
    )
    counts = np.bincount(chosen, minlength=size)
    assert counts[:END].tolist() == [0, 0, 0]
    if temperature:
        # 400 each; the standard deviation is 16
        assert abs(counts[END:] - 400).max() < 80
    assert lengths.numpy().tolist() == [2] * 600 + [4] * 600
    assert ids.numpy()[0].tolist() == [4, chosen[0], 0, 0]
    # a full window moves on
    assert ids.numpy()[-1].tolist() == [5, 4, 5, chosen[-1]]


def test_a_temperature_sharpens_probabilities():
    logits = tf.math.log([[1e-9] * 4 + [0.8, 0.2]])
    shares = {}
    for temperature in (1.0, 0.5):
        inputs = keras.Input((None,), dtype="int32", name="tokens")
        layer = keras.layers.Embedding(6, 6)
        model = keras.Model(inputs, layer(inputs))
        layer.set_weights([np.repeat(logits, 6, 0)])
        names = ("[PAD]", "[UNK]", "[MASK]", "[END]", "a", "b")
        tokenizer = Tokenizer("words", names, np.ones(6, np.int64), 1)
        step = stepper(model, tokenizer, Sampling(1, temperature))
        numbers = tf.range(4000, dtype=tf.int64)
        ids, ones = tf.fill([4000, 1], 4), tf.ones_like(numbers)
        _, _, chosen = step(ids, ones, numbers, np.int64(0))
        shares[temperature] = np.mean(chosen.numpy() == 4)
    # 0.8² / (0.8² + 0.2²) = 16 / 17
    assert shares[1.0] == pytest.approx(0.8, abs=0.03)
    assert shares[0.5] == pytest.approx(16 / 17, abs=0.02)
