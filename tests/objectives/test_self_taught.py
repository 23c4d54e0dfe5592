"""Losses of self-distillation by hand and by second implementations."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives.byol import BYOL
from keras_ptft.objectives.dino import DINO, balanced
from tests.objectives.test_views import images, own, projections, seeds_for

INFO = DataInfo(label_names=("a", "b", "c"))


def byol_loss(targets, predictions):
    objective = BYOL(INFO)
    taught = objective.taught(None, {"projection": tf.constant(targets)})
    return objective.loss(taught, {"prediction": tf.constant(predictions)})


def test_byol_by_hand():
    # the teacher has view 0 along x, view 1 along y
    teacher = [[[2.0, 0.0], [0.0, 3.0]]]
    # cosines 3/5 of view 0 with the teacher's view 1, -1 of view 1 with view 0
    model = [[[4.0, 3.0], [-1.0, 0.0]]]
    expected = ((2 - 2 * 0.6) + (2 - 2 * -1.0)) / 2
    np.testing.assert_allclose(byol_loss(teacher, model), [expected], 1e-6)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_byol_is_the_distance_of_directions():
    teacher, model = projections(seed=1), projections(seed=2)
    distances = [
        np.square(unit(model[:, i]) - unit(teacher[:, 1 - i])).sum(axis=-1)
        for i in range(2)
    ]
    np.testing.assert_allclose(
        byol_loss(teacher, model), np.mean(distances, axis=0), rtol=1e-5
    )


def test_no_view_is_compared_with_itself():
    teacher = projections(examples=1)
    # alike where they must not be compared
    np.testing.assert_allclose(
        byol_loss(teacher, teacher),
        2 - 2 * (unit(teacher)[:, 0] * unit(teacher)[:, 1]).sum(axis=-1),
        rtol=1e-5,
    )


def test_dino_by_hand():
    objective = DINO(INFO, temperature=1.0, teacher_temperature=0.5)
    shares = tf.constant([[[0.25, 0.75], [1.0, 0.0]]])
    # probabilities 1/2 and 1/2 of view 0, 1/5 and 4/5 of view 1
    outputs = tf.math.log(tf.constant([[[1.0, 1.0], [1.0, 4.0]]]))
    to_first = -(0.25 * np.log(1 / 5) + 0.75 * np.log(4 / 5))
    to_second = np.log(2)
    loss = objective.loss({"shares": shares}, outputs)
    np.testing.assert_allclose(loss, [(to_first + to_second) / 2], rtol=1e-6)


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def sinkhorn(logits, rounds=3):
    """As DINOv2 writes it: a matrix whose sums are set in turn."""
    matrix = np.exp(logits.astype(np.float64)).T
    clusters, samples = matrix.shape
    matrix /= matrix.sum()
    for _ in range(rounds):
        matrix /= matrix.sum(axis=1, keepdims=True) * clusters
        matrix /= matrix.sum(axis=0, keepdims=True) * samples
    return (matrix * samples).T


def dino_loss(teacher, model, temperature):
    """As lightly writes it: all pairs, without those of the same view."""
    logs = np.log(softmax(model / temperature))
    loss = -np.einsum("btd,bsd->ts", teacher, logs)
    np.fill_diagonal(loss, 0)
    pairs = loss.size - min(loss.shape)
    return loss.sum() / (pairs * len(teacher))


def cosines(seed, views):
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (6, views, 5)).astype(np.float32)


@pytest.mark.parametrize("crops", [0, 3])
def test_dino_is_the_paper_s(crops):
    teacher, model = cosines(1, 2), cosines(2, 2 + crops)
    objective = DINO(INFO, temperature=0.2, teacher_temperature=0.05)
    targets = objective.taught(own(6), tf.constant(teacher))
    shares = sinkhorn(teacher.reshape(12, 5) / 0.05).reshape(6, 2, 5)
    np.testing.assert_allclose(targets["shares"], shares, atol=1e-5)
    loss = objective.loss(targets, tf.constant(model))
    expected = dino_loss(shares, model, 0.2)
    np.testing.assert_allclose(np.mean(loss), expected, rtol=1e-5)


def test_balance_by_hand():
    # all prefer the first of two clusters
    logits = tf.constant([[[10.0, 0.0]], [[10.0, 2.0]]])
    shares = balanced(logits, logits, tf.constant([True, True]))
    assert shares[0, 0, 0] > 0.5 > shares[1, 0, 0]
    np.testing.assert_allclose(tf.reduce_sum(shares, axis=0), [[1, 1]], 0.1)


def test_what_comes_again_does_not_count_for_the_balance():
    teacher, objective = cosines(1, 2), DINO(INFO)
    alone = objective.taught(own(6), tf.constant(teacher))
    targets = tf.gather(own(6), [*range(6), 0, 0])
    again = np.concatenate([teacher, teacher[:1], teacher[:1]])
    found = objective.taught(targets, tf.constant(again))
    np.testing.assert_allclose(found["shares"][:6], alone["shares"], 1e-5)
    np.testing.assert_allclose(found["shares"][6], alone["shares"][0], 1e-5)


def test_a_low_temperature_stays_finite():
    objective = DINO(INFO, teacher_temperature=1e-4)
    targets = objective.taught(own(6), tf.constant(cosines(1, 2)))
    loss = objective.loss(targets, tf.constant(cosines(2, 2)))
    assert np.isfinite(targets["shares"]).all() and np.isfinite(loss).all()


def test_small_views_are_for_the_model_alone():
    objective = DINO(INFO, crops=3, local="simclr(area=[0.05, 0.1])")
    views, _, _ = objective.transform(
        images(), tf.zeros(4, tf.int64), seeds_for(range(4))
    )
    assert views.shape == (4, 5, 12, 12, 3)
    large, _, _ = DINO(INFO).transform(
        images(), tf.zeros(4, tf.int64), seeds_for(range(4))
    )
    np.testing.assert_array_equal(objective.seen_by_teacher(views), large)
    # of a tenth of the area, blown up: neighbours are nearly alike
    steps = np.abs(np.diff(views.numpy().astype(float), axis=3))
    rough = steps.mean(axis=(0, 2, 3, 4))
    assert rough[2:].max() < 0.8 * rough[:2].min()


def test_a_model_that_has_the_averages_teaches_itself():
    objective = DINO(INFO, crops=1)
    outputs = tf.constant(cosines(1, 3))
    found = objective.self_taught(own(6), outputs)
    expected = objective.taught(own(6), outputs[:, :2])
    np.testing.assert_array_equal(found["shares"], expected["shares"])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: BYOL(INFO, momentum=0.0), "'momentum' must be from 0.01 to"),
        (lambda: BYOL(INFO, momentum=1.0), "'momentum' must be from 0.01 to"),
        (lambda: BYOL(INFO, view="none"), "'view' must change images"),
        (lambda: DINO(INFO, crops=1, local="none"), "'local' must change"),
        (lambda: DINO(INFO, crops=-1), "'crops' must be from 0 to 16, got -1"),
        (lambda: DINO(INFO, clusters=1), "'clusters' must be"),
        (lambda: DINO(INFO, temperature=0.0), "'temperature' must be above 0"),
        (
            lambda: DINO(INFO, teacher_temperature=0.2),
            "'teacher_temperature' must be above 0 and below 'temperature', "
            "which is 0.1, .* got 0.2: use 0.05",
        ),
        (lambda: DINO(INFO, teacher_temperature=0.0), "got 0.0: use 0.05"),
    ],
)
def test_what_cannot_work_is_told(make, message):
    with pytest.raises(UserError, match=message):
        make()
