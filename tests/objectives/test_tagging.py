"""Tags are learned where there are any."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.objectives.tagging import Tagging
from tests.infos import text_info

VOCABULARY = ("[PAD]", "[UNK]", "[MASK]", "[END]", "a")
INFO = text_info(
    VOCABULARY, sequence_length=4, label_names=("O", "B-PER"), tagged=True
)


def test_padding_has_no_tag_and_unknown_words_have():
    ids = tf.constant([[4, 1, 4, 0], [4, 0, 0, 0]])
    tags = tf.constant([[0, 1, -1, -1], [1, 0, 0, 0]], tf.int64)
    objective = Tagging(INFO)
    inputs, targets, weights = objective.transform(ids, tags, None)
    assert inputs is ids
    assert targets.numpy().tolist() == [[0, 1, -1, -1], [1, -1, -1, -1]]
    np.testing.assert_allclose(weights, [0.5, 0.25])
    logits = tf.math.log([[[3.0, 1.0]] * 4] * 2)
    losses = objective.loss(targets, logits)
    # probabilities 3/4 and 1/4
    expected = [(np.log(4 / 3) + np.log(4)) / 2, np.log(4)]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)


def test_needs_tags():
    info = text_info(VOCABULARY, sequence_length=4, label_names=("a", "b"))
    with pytest.raises(UserError, match="needs a tag a token, but the data"):
        Tagging(info)
