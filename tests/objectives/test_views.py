"""Losses of views by hand and by second implementations."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives.contrastive import (
    Contrastive,
    SupervisedContrastive,
)
from keras_ptft.objectives.vicreg import VICReg

INFO = DataInfo(label_names=("a", "b", "c"))
VECTORS = DataInfo(tf.TensorSpec((7,), tf.float32, "vector"))


def seeds_for(examples, epoch=0, seed=7):
    return tf.constant([[seed, epoch, e] for e in examples], tf.int64)


def projections(examples=6, width=5, seed=0):
    """float32 of shape (examples, 2, width)."""
    random = np.random.default_rng(seed)
    return random.standard_normal((examples, 2, width)).astype(np.float32)


def own(count):
    """Targets of examples of which each belongs to itself."""
    return tf.stack([tf.range(count, dtype=tf.int64)] * 2, axis=1)


def test_contrastive_loss_by_hand():
    # views along the axes: of example 0 alike, of example 1 opposite
    outputs = tf.constant([[[2.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, -3.0]]])
    loss = Contrastive(INFO, temperature=0.5).loss(own(2), outputs)
    # cosines to the other three, divided by 0.5: 2, 0, 0 and -2, 0, 0
    expected = [
        -np.log(np.exp(2) / (np.exp(2) + 2)),
        -np.log(np.exp(-2) / (np.exp(-2) + 2)),
    ]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def ntxent(outputs, temperature):
    """As the paper writes it: a sum a view over all but itself."""
    rows = outputs / np.linalg.norm(outputs, axis=-1, keepdims=True)
    rows = rows.astype(np.float64)
    losses = np.zeros(outputs.shape[:2])
    for k in range(len(rows)):
        for v in range(2):
            similar = np.exp(rows @ rows[k, v] / temperature)
            right = similar[k, 1 - v]
            losses[k, v] = -np.log(right / (similar.sum() - similar[k, v]))
    return losses.mean(axis=1)


def test_contrastive_loss_is_the_paper_s():
    outputs = projections()
    loss = Contrastive(INFO, temperature=0.3).loss(own(6), outputs)
    np.testing.assert_allclose(loss, ntxent(outputs, 0.3), rtol=1e-4)


def test_an_example_that_comes_again_is_no_candidate():
    outputs = projections()
    again = np.concatenate([outputs, outputs[:1], outputs[:1]])
    targets = tf.gather(own(6), [*range(6), 0, 0])
    loss = Contrastive(INFO, temperature=0.3).loss(targets, again)
    np.testing.assert_allclose(loss[:6], ntxent(outputs, 0.3), rtol=1e-4)


def test_supervised_contrastive_loss_is_the_paper_s():
    outputs, labels = projections(), np.array([0, 1, 0, 2, 2, 0])
    objective = SupervisedContrastive(INFO, temperature=0.3)
    targets = objective.targets(tf.constant(labels), seeds_for(range(6)))
    rows = outputs / np.linalg.norm(outputs, axis=-1, keepdims=True)
    rows = rows.reshape(12, -1).astype(np.float64)
    classes = labels.repeat(2)
    expected = []
    for i, row in enumerate(rows):
        others = [j for j in range(12) if j != i]
        shares = np.exp(rows @ row / 0.3)
        shares /= shares[others].sum()
        positive = [j for j in others if classes[j] == classes[i]]
        expected.append(-np.log(shares[positive]).mean())
    expected = np.reshape(expected, (6, 2)).mean(axis=1)
    loss = objective.loss(targets, outputs)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_nearest_view_by_hand():
    outputs = tf.constant([[[2.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, -3.0]]])
    metric = Contrastive(INFO).metrics()[0]
    metric.update_state(own(2), outputs, tf.ones(2))
    # of example 1, either view is nearer to those of example 0
    assert float(metric.result()) == 0.5
    metric.update_state(own(2), outputs, tf.constant([1.0, 0.0]))
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_vicreg_by_hand():
    # one number: 0 and 1 in view 0, 0 and 3 in view 1
    outputs = tf.constant([[[0.0], [0.0]], [[1.0], [3.0]]])
    objective = VICReg(INFO, invariance=2.0, variance=3.0, covariance=5.0)
    # variances 0.5 and 4.5; only the first lacks something to 1
    lacking = (1 - np.sqrt(0.5 + 1e-4)) / 2
    expected = [3 * lacking, 2 * 4 + 3 * lacking]
    np.testing.assert_allclose(objective.loss(None, outputs), expected, 1e-5)


def test_vicreg_is_the_paper_s():
    outputs = projections()
    views = [outputs[:, v].astype(np.float64) for v in range(2)]
    expected = 25 * np.mean((views[0] - views[1]) ** 2)
    for view in views:
        std = np.sqrt(view.var(axis=0, ddof=1) + 1e-4)
        expected += 25 * np.maximum(0, 1 - std).mean() / 2
        covariance = np.cov(view.T)
        np.fill_diagonal(covariance, 0)
        expected += (covariance**2).sum() / 5
    loss = VICReg(INFO).loss(None, outputs)
    np.testing.assert_allclose(np.mean(loss), expected, rtol=1e-4)


def images(count=4):
    random = np.random.default_rng(3)
    return tf.constant(random.integers(0, 256, (count, 12, 12, 3)), tf.uint8)


def test_views_differ_and_depend_on_seed_epoch_and_example_alone():
    objective = Contrastive(INFO)
    labels = tf.zeros(4, tf.int64)
    views, targets, weights = objective.transform(
        images(), labels, seeds_for(range(4))
    )
    assert views.shape == (4, 2, 12, 12, 3)
    assert views.dtype == tf.uint8
    assert targets.numpy().tolist() == [[e, e] for e in range(4)]
    assert weights.numpy().tolist() == [1.0] * 4
    for view in views:
        assert np.abs(view[0] - view[1]).max() > 10
    alone, _, _ = objective.transform(images()[2:3], labels[:1], seeds_for([2]))
    np.testing.assert_array_equal(alone[0], views[2])
    later, _, _ = objective.transform(
        images(), labels, seeds_for(range(4), epoch=1)
    )
    assert (later != views).numpy().any(axis=(1, 2, 3, 4)).all()


def test_all_views_run_as_one_batch():
    shapes = []

    def model(batch):
        shapes.append(batch.shape)
        return tf.reduce_mean(tf.cast(batch, tf.float32), axis=(1, 2))

    views = tf.stack([images(), images()], axis=1)
    outputs = Contrastive(INFO).run(model, views)
    assert shapes == [(8, 12, 12, 3)]
    expected = tf.reduce_mean(tf.cast(views, tf.float32), axis=(2, 3))
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Contrastive(INFO, view="none"), "must change images"),
        (lambda: Contrastive(INFO, temperature=0.0), "temperature"),
        (lambda: VICReg(INFO, variance=-1.0), "variance"),
        (lambda: SupervisedContrastive(DataInfo()), "no labels"),
        (lambda: Contrastive(VECTORS), "compares views of images"),
    ],
)
def test_what_cannot_work_is_told(make, message):
    with pytest.raises(UserError, match=message):
        make()
