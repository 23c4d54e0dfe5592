"""Losses of sequences against numbers worked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.objectives import token_losses


def softplus(x):
    return np.log1p(np.exp(x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_cross_entropy_is_the_mean_over_counted_tokens():
    # probabilities 1/2, 1/4, 1/4
    row = np.log([2.0, 1.0, 1.0])
    logits = tf.constant([[row, row, row], [row, row, row]], tf.float32)
    targets = tf.constant([[0, 2, -1], [-1, -1, -1]])
    loss = token_losses.cross_entropy(targets, logits)
    np.testing.assert_allclose(loss, [1.5 * np.log(2), 0.0], rtol=1e-6)


def test_tokens_that_do_not_count_have_no_gradient():
    logits = tf.Variable(tf.random.stateless_normal((1, 2, 3), [0, 1]))
    with tf.GradientTape() as tape:
        loss = token_losses.cross_entropy(tf.constant([[1, -1]]), logits)
    gradient = tape.gradient(loss, logits).numpy()[0]
    expected = tf.nn.softmax(logits[0, 0]).numpy() - [0, 1, 0]
    np.testing.assert_allclose(gradient, [expected, [0, 0, 0]], atol=1e-6)


def test_accuracy_is_of_the_counted_tokens():
    logits = tf.one_hot([[0, 1, 2, 2], [0, 0, 0, 0]], 3)
    targets = tf.constant([[0, 1, 0, -1], [-1, -1, -1, -1]])
    found = token_losses.accuracy(targets, logits)
    np.testing.assert_allclose(found, [2 / 3, 0.0], rtol=1e-6)


def test_weights_make_every_token_count_alike():
    logits = tf.one_hot([[0, 0, 0], [0, 0, 0]], 2)
    targets = tf.constant([[0, -1, -1], [1, 1, 1]])
    weights = token_losses.token_weights(targets, 3.0)
    shares = token_losses.accuracy(targets, logits)
    # 1 of 4 tokens is right
    assert float(tf.reduce_sum(shares * weights) / sum(weights)) == 0.25


# two words and one negative that counts 5 times for each
COUNTS = tf.constant([[[0.0, 1.0, 5.0], [1.0, 0.0, 5.0]]])


def test_skipgram_by_hand():
    logits = tf.constant([[[9.0, 1.0, -2.0], [0.5, 9.0, 3.0]]])
    loss = token_losses.skipgram_loss(COUNTS, logits, shared=1)
    first = softplus(-1) + 5 * softplus(-2)
    second = softplus(-0.5) + 5 * softplus(3)
    np.testing.assert_allclose(loss, [(first + second) / 2], rtol=1e-6)


def test_gradients_of_skipgram_by_hand():
    v = np.array([[1.0, 2.0], [-1.0, 0.5]])
    u = np.array([[0.3, -0.2], [0.1, 0.4], [-0.5, 0.2]])
    centres, contexts = tf.Variable(v), tf.Variable(u)
    with tf.GradientTape() as tape:
        logits = tf.matmul(centres, contexts, transpose_b=True)[None]
        logits = tf.cast(logits, tf.float32)
        loss = token_losses.skipgram_loss(COUNTS, logits, shared=1)
    of_v, of_u = tape.gradient(loss, [centres, contexts])
    # the first word's context is the second, the negative is the third
    pulled = -sigmoid(-v[0] @ u[1]) * u[1]
    pushed = 5 * sigmoid(v[0] @ u[2]) * u[2]
    np.testing.assert_allclose(of_v[0], (pulled + pushed) / 2, rtol=1e-5)
    pushed = sum(5 * sigmoid(row @ u[2]) * row for row in v)
    np.testing.assert_allclose(of_u[2], pushed / 2, rtol=1e-5)
    pulled = -sigmoid(-v[1] @ u[0]) * v[1]
    np.testing.assert_allclose(of_u[0], pulled / 2, rtol=1e-5)


def test_cbow_by_hand():
    # three words, the last without context; one negative
    counts = tf.constant(
        [[[0.0, 1.0, 1.0, 5.0], [1.0, 0.0, 0.0, 5.0], [0.0, 0.0, 0.0, 0.0]]]
    )
    v = np.array([[1.0, 2.0], [-1.0, 0.5], [0.5, 0.5]])
    u = np.array([[0.3, -0.2], [0.1, 0.4], [0.0, 1.0], [-0.5, 0.2]])
    logits = tf.constant(v @ u.T, tf.float32)[None]
    loss = token_losses.cbow_loss(counts, logits, shared=1)
    bags = [(v[1] + v[2]) / 2, v[0]]
    expected = [
        softplus(-bag @ u[centre]) + 5 * softplus(bag @ u[3])
        for centre, bag in enumerate(bags)
    ]
    np.testing.assert_allclose(loss, [np.mean(expected)], rtol=1e-6)


@pytest.mark.parametrize(
    "loss", [token_losses.skipgram_loss, token_losses.cbow_loss]
)
def test_extreme_scores_stay_finite_and_no_pairs_give_0(loss):
    far = tf.constant([[[0.0, -1e4, 1e4], [-1e4, 0.0, 1e4]]])
    assert float(loss(COUNTS, far, shared=1)[0]) == 6e4
    assert float(loss(tf.zeros((1, 2, 3)), far, shared=1)[0]) == 0.0


@pytest.mark.parametrize(
    "targets, logits", [((2, 3), (2, 4, 5)), ((2,), (2, 5)), ((2, 3), (2, 3))]
)
def test_shapes_of_tokens_are_checked(targets, logits):
    given = tf.zeros(targets, tf.int32), tf.zeros(logits)
    with pytest.raises(ValueError, match=r"Expected targets \(batch, tokens\)"):
        token_losses.cross_entropy(*given)
    with pytest.raises(ValueError, match="Expected targets"):
        token_losses.accuracy(*given)


@pytest.mark.parametrize(
    "counts, logits",
    [((1, 2, 3), (1, 2, 4)), ((1, 2, 4), (1, 2, 4)), ((3,),) * 2],
)
def test_shapes_of_pairs_are_checked(counts, logits):
    given = tf.zeros(counts), tf.zeros(logits)
    for loss in (token_losses.skipgram_loss, token_losses.cbow_loss):
        with pytest.raises(ValueError, match=r"\(batch, tokens, tokens \+ 1\)"):
            loss(*given, shared=1)
