"""Skip-gram and CBOW draw what Mikolov et al. draw."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.saved import load_model
from keras_ptft.objectives.word2vec import CBOW, SkipGram, pairs_of
from tests.infos import text_info

VOCABULARY = ("[PAD]", "[UNK]", "[MASK]", "[END]", "a", "b", "c", "d")
COUNTS = np.array([0, 50, 0, 9, 81, 16, 1, 0])
INFO = text_info(VOCABULARY, counts=COUNTS, sequence_length=6)
SHARED = 4


def seeds(count, epoch=0):
    rows = [(7, epoch, number) for number in range(count)]
    return tf.constant(rows, tf.int64)


def drawn(ids, kind=SkipGram, epoch=0, **settings):
    """Tokens, negatives, contexts, counts of the negatives, and weights."""
    settings = {"shared": SHARED, "subsample": 0.0, **settings}
    objective = kind(INFO, **settings)
    inputs = tf.constant(ids, tf.int32)
    inputs, targets, weights = objective.transform(
        inputs, None, seeds(len(ids), epoch)
    )
    targets, shared = targets.numpy(), settings["shared"]
    contexts, counts = targets[..., :-shared], targets[..., -shared:]
    tokens, negatives = inputs["tokens"].numpy(), inputs["negatives"].numpy()
    return tokens, negatives, contexts, counts, weights.numpy()


def test_contexts_stand_in_the_window_and_skip_what_is_unknown():
    tokens, _, near, _, weights = drawn([[4, 1, 5, 3, 6, 0]], window=1)
    np.testing.assert_array_equal(tokens[0], [4, 5, 6, 0, 0, 0])
    expected = np.zeros((6, 6))
    expected[[0, 1, 1, 2], [1, 0, 2, 1]] = 1
    np.testing.assert_array_equal(near[0], expected)
    # 4 pairs, of 10 that 6 words have
    np.testing.assert_allclose(weights, [0.4])


def test_window_0_is_the_whole_text():
    _, _, near, _, weights = drawn(
        [[4, 5, 6, 5, 0, 0], [4, 1, 0, 0, 0, 0]], window=0
    )
    np.testing.assert_array_equal(near[0, :4, :4], 1 - np.eye(4))
    assert near[0].sum() == 12 and near[1].sum() == 0
    np.testing.assert_allclose(weights, [12 / 30, 0])


def test_windows_reach_from_1_to_the_setting():
    ids = [[4, 5, 6, 4, 5, 6]] * 3_000
    _, _, near, _, weights = drawn(ids, window=3)
    row = near.mean(0)[0]
    # 4 * sqrt(1/3 * 2/3 / 3000) = 0.034
    np.testing.assert_allclose(row, [0, 1, 2 / 3, 1 / 3, 0, 0], atol=0.035)
    assert pairs_of(6, 3) == 2 * (5 + 4 * 2 / 3 + 3 / 3)
    assert weights.mean() == pytest.approx(1, abs=0.02)


def test_negatives_come_by_counts_to_the_power_075():
    _, negatives, *_ = drawn([[4, 5]] * 5_000, shared=4)
    found = np.bincount(negatives.ravel(), minlength=8) / 20_000
    # 81, 16 and 1 give 27, 8 and 1
    expected = np.array([0, 0, 0, 0, 27, 8, 1, 0]) / 36
    np.testing.assert_allclose(found, expected, atol=0.015)


def test_each_pair_weighs_its_negatives_but_never_its_own_context():
    words, negatives, near, counts, _ = drawn(
        [[4, 5, 6, 4, 0, 0]] * 50, negatives=3
    )
    for row in range(50):
        other = words[row][:, None] != negatives[row][None]
        np.testing.assert_allclose(counts[row], 3 / SHARED * near[row] @ other)


def test_cbow_counts_centres():
    ids = [[4, 5, 6, 4, 0, 0], [4, 0, 0, 0, 0, 0]]
    words, negatives, near, counts, weights = drawn(ids, CBOW, window=1)
    assert near[0].sum() == 6 and near[1].sum() == 0
    # 4 words of 6 have a context
    np.testing.assert_allclose(weights, [4 / 6, 0])
    expected = 5 / SHARED * (words[0, :4, None] != negatives[0][None])
    np.testing.assert_allclose(counts[0, :4], expected)
    assert not counts[0, 4:].any() and not counts[1].any()


def test_frequent_words_are_dropped_as_often_as_is_told():
    words, *_ = drawn([[4, 5, 6, 0, 0, 0]] * 4_000, subsample=0.01)
    kept = np.bincount(words.ravel(), minlength=7)[4:] / 4_000
    # frequencies 81/98, 16/98, 1/98; sqrt(t / f) + t / f
    expected = [0.12209, 0.30874, 1.0]
    # 4 * sqrt(0.3 * 0.7 / 4000) = 0.029
    np.testing.assert_allclose(kept, expected, atol=0.03)


def test_draws_depend_on_seed_epoch_and_example_alone():
    ids = [[4, 5, 6, 4, 0, 0], [5, 6, 5, 4, 6, 0]]
    settings = {"subsample": 0.1, "window": 2}
    tokens, negatives, near, counts, weights = drawn(ids, **settings)
    wide = np.pad(ids, [(0, 0), (0, 3)])
    padded, same, wider, again, weighed = drawn(wide, **settings)
    np.testing.assert_array_equal(same, negatives)
    length = near.shape[1]
    np.testing.assert_array_equal(padded[:, :length], tokens[:, :length])
    np.testing.assert_array_equal(wider[:, :length, :length], near)
    np.testing.assert_array_equal(again[:, :length], counts)
    np.testing.assert_array_equal(weighed, weights)
    _, other, *_ = drawn(ids, epoch=1, **settings)
    assert (other != negatives).any()


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("name", ["embedding", "textcnn"])
def test_model_scores_centres_by_candidates(name, width, tmp_path):
    keras.utils.set_random_seed(0)
    shape = (None,) if width == 1 else (None, width)
    spec = tf.TensorSpec(shape, tf.int32, "tokens")
    given = BackboneInput(spec, vocabulary_size=20)
    backbone = BACKBONES[name](given, width=8)
    ids = np.array([[4, 5, 6, 0], [6, 4, 0, 0]])
    if width > 1:
        ids = np.stack([ids, ids + 8, 0 * ids], -1)
        ids[ids == 8] = 0
    objective = SkipGram(INFO, shared=SHARED, subsample=0.0)
    model = objective.assemble(backbone)
    inputs, targets, _ = objective.transform(
        tf.constant(ids, tf.int32), None, seeds(2)
    )
    logits = model(inputs)
    assert logits.shape == targets.shape == (2, 4, 4 + SHARED)
    # other vectors begin at 0, where each score costs log 2
    loss = objective.loss(targets, logits).numpy()
    counted = np.abs(targets).sum((1, 2)) / targets[..., :4].numpy().sum((1, 2))
    np.testing.assert_allclose(loss, np.log(2) * counted, rtol=1e-6)
    table = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    model.get_layer("context").set_weights([table])
    output = backbone.get_layer("embedding").output
    vectors = keras.Model(backbone.inputs[0], output)(ids).numpy()
    tokens = inputs["tokens"].numpy().reshape(2, 4, width)[..., 0]
    candidates = np.concatenate([tokens, inputs["negatives"]], axis=1)
    expected = np.einsum("bld,bcd->blc", vectors, table[candidates])
    np.testing.assert_allclose(model(inputs), expected, atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(inputs), model(inputs))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"window": -1}, "'window' of objective 'cbow' must be at least 0"),
        (
            {"negatives": 0},
            "'negatives' of objective 'cbow' must be at least 1",
        ),
        ({"shared": 0}, "'shared' of objective 'cbow' must be at least 1"),
        ({"subsample": 1.5}, "'subsample' .* from 0 to 1, got 1.5"),
    ],
)
def test_settings_out_of_their_range(settings, message):
    with pytest.raises(UserError, match=message):
        CBOW(INFO, **settings)


def test_needs_words_that_stand_somewhere():
    with pytest.raises(UserError, match="'skipgram' learns from texts"):
        SkipGram(DataInfo(label_names=("cat", "dog")))
    empty = text_info(VOCABULARY, counts=COUNTS * 0, sequence_length=6)
    with pytest.raises(UserError, match="words of the vocabulary, got none"):
        SkipGram(empty)
