"""Classes in shares: loss and accuracy by hand, training on replicas."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.pipeline.mix import MIXES, Mixing
from keras_ptft.data.pipeline.showing import Showing
from keras_ptft.errors import UserError
from keras_ptft.objectives.classification import Classification
from keras_ptft.objectives.masked_tokens import MaskedTokens
from keras_ptft.registry import lookup
from keras_ptft.training.fit import FitConfig, fit
from tests.infos import text_info
from tests.training.small import (
    largest_difference,
    load_digits,
    make_training_model,
)

THREE = DataInfo(label_names=("a", "b", "c"))
# probabilities 1/2, 1/4, 1/4
LOGITS = tf.math.log(tf.constant([[2.0, 1.0, 1.0], [2.0, 1.0, 1.0]]))


def test_cross_entropy_of_shares_by_hand():
    shares = tf.constant([[0.3, 0.7, 0.0], [1.0, 0.0, 0.0]])
    loss = Classification(THREE).loss(shares, LOGITS)
    expected = [0.3 * np.log(2) + 0.7 * np.log(4), np.log(2)]
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    smoothed = Classification(THREE, label_smoothing=0.3)
    # targets 0.8, 0.1 and 0.1 of the second
    expected = 0.8 * np.log(2) + 0.2 * np.log(4)
    np.testing.assert_allclose(
        smoothed.loss(shares, LOGITS)[1], expected, rtol=1e-6
    )


def test_a_class_is_a_share_of_1():
    objective = Classification(THREE)
    labels = tf.constant([2, 0], tf.int64)
    shares = objective.soft_targets(labels)
    assert shares.numpy().tolist() == [[0, 0, 1], [1, 0, 0]]
    np.testing.assert_array_equal(
        objective.loss(labels, LOGITS), objective.loss(shares, LOGITS)
    )


def test_accuracy_is_the_share_that_is_predicted():
    [accuracy] = Classification(THREE).metrics()
    accuracy.update_state(tf.constant([[0.3, 0.7, 0], [1, 0, 0]]), LOGITS)
    assert float(accuracy.result()) == pytest.approx((0.3 + 1) / 2)
    accuracy.reset_state()
    accuracy.update_state(
        tf.constant([0, 2]), LOGITS, sample_weight=tf.constant([3.0, 1.0])
    )
    assert float(accuracy.result()) == 0.75


def test_what_has_no_classes_cannot_be_mixed():
    words = ("[PAD]", "[UNK]", "[MASK]", "[END]", "a", "b")
    objective = MaskedTokens(text_info(words, sequence_length=4))
    message = "--mix blends labels, and MaskedTokens has none that can be: use"
    with pytest.raises(UserError, match=message):
        objective.soft_targets(tf.constant([0]))


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def trained(digits, replicas, **shown):
    objective = Classification(DataInfo(label_names=digits.label_names))
    mix = Mixing(
        lookup(MIXES, "mixup(alpha=1.0)", "mix"), objective.soft_targets
    )
    model = make_training_model(digits, trainable=objective, replicas=replicas)
    showing = Showing(mix=mix, balanced=True)
    config = FitConfig(epochs=1, **{"showing": showing} | shown)
    [row] = fit(model, {"train": digits.splits["train"]}, config)
    return model.model.get_weights(), row


def test_mixed_and_weighted_batches_on_two_replicas(digits):
    weights = np.linspace(0.5, 2, 10, dtype=np.float32)
    one, row = trained(digits, "auto", class_weights=weights)
    two, other = trained(digits, "mirrored", class_weights=weights)
    assert largest_difference(one, two) < 1e-5
    assert row["accuracy"] == pytest.approx(other["accuracy"], rel=1e-5)
    plain, _ = trained(digits, "auto", showing=Showing())
    assert largest_difference(one, plain) > 1e-3
