"""Masks are a pure function of (seed, epoch, example), as BERT has them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.saved import load_model
from keras_ptft.objectives.masked_tokens import MaskedTokens
from keras_ptft.transfer.cut import split
from tests.infos import text_info

VOCABULARY = ("[PAD]", "[UNK]", "[MASK]", "[END]", *"abcdefghij")
INFO = text_info(VOCABULARY, sequence_length=12)


def seeds(count, epoch=0, first=0):
    rows = [(7, epoch, number) for number in range(first, first + count)]
    return tf.constant(rows, tf.int64)


def texts(count, length=12):
    random = np.random.default_rng(0)
    return random.integers(4, 14, (count, length)).astype(np.int32)


def masked(ids, epoch=0, first=0, info=INFO, **settings):
    """Changed ids, {position: target} of each text, and weights."""
    objective = MaskedTokens(info, **settings)
    given = tf.constant(ids), None, seeds(len(ids), epoch, first)
    inputs, targets, weights = objective.transform(*given)
    positions = inputs["masked_positions"].numpy()
    found = [
        {int(p): int(t) for p, t in zip(*row, strict=True) if t >= 0}
        for row in zip(positions, targets.numpy(), strict=True)
    ]
    return inputs["tokens"].numpy(), found, weights.numpy()


def test_15_percent_are_chosen_and_one_at_least():
    ids = texts(5)
    for row, length in enumerate((12, 9, 3, 1, 0)):
        ids[row, length:] = 0
    changed, found, weights = masked(ids)
    # 1.8, 1.35, 0.45, 0.15 and 0 words
    assert [len(row) for row in found] == [2, 1, 1, 1, 0]
    np.testing.assert_allclose(weights, [1, 0.5, 0.5, 0.5, 0])
    for row, chosen in enumerate(found):
        assert all(ids[row, p] == word for p, word in chosen.items())
        rest = [p for p in range(12) if p not in chosen]
        assert (changed[row, rest] == ids[row, rest]).all()


def test_what_the_vocabulary_does_not_hold_is_never_chosen():
    ids = np.full((200, 12), 1, np.int32)
    ids[:, 5], ids[:, 8:10], ids[100:, 5] = 4, 3, 1
    _, found, weights = masked(ids)
    assert found == [{5: 4}] * 100 + [{}] * 100
    assert not weights[100:].any()


def test_8_of_10_are_masked_1_is_another_1_stays():
    ids = texts(4_000)
    changed, found, _ = masked(ids)
    now = [
        (changed[r, p], w)
        for r, row in enumerate(found)
        for p, w in row.items()
    ]
    now = np.array(now)
    assert len(now) == 8_000
    # 4 standard errors: 4 * sqrt(0.8 * 0.2 / 8000) = 0.018, of 0.1 0.013
    assert np.mean(now[:, 0] == 2) == pytest.approx(0.8, abs=0.018)
    # one in ten of the others is the word itself
    same = np.mean(now[:, 0] == now[:, 1])
    assert same == pytest.approx(0.1 + 0.1 / 10, abs=0.014)
    others = now[(now[:, 0] != 2) & (now[:, 0] != now[:, 1]), 0]
    assert set(others) == set(range(4, 14))
    # every place is chosen alike: 4 * sqrt(1/6 * 5/6 / 4000) = 0.024
    places = np.bincount([p for row in found for p in row]) / 4_000
    np.testing.assert_allclose(places, 1 / 6, atol=0.024)


def test_masks_depend_on_seed_epoch_and_example_alone():
    ids = texts(6)
    ids[:, 9:] = 0
    changed, found, _ = masked(ids)
    alone, again, _ = masked(ids[4:5, :9], first=4)
    assert again[0] == found[4]
    np.testing.assert_array_equal(alone[0], changed[4, :9])
    wide = np.pad(ids, [(0, 0), (0, 3)])
    assert masked(wide)[1] == found
    assert masked(ids, epoch=1)[1] != found
    assert masked(ids, epoch=-1)[1] == masked(ids, epoch=-1)[1] != found


def test_a_word_is_replaced_with_its_ngrams():
    ids = np.stack([texts(200), texts(200) + 20], -1)
    info = text_info(VOCABULARY, sequence_length=12, width=2)
    changed, found, _ = masked(ids, info=info)
    for row, chosen in enumerate(found):
        for place, word in chosen.items():
            kept = (changed[row, place] == ids[row, place]).all()
            assert kept or changed[row, place, 1] == 0
            assert ids[row, place, 0] == word


@pytest.mark.parametrize("rate", [0.05, 0.15, 0.3, 1 / 3, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("length", [1, 2, 5, 7, 12])
def test_there_is_a_slot_for_every_chosen_word(rate, length):
    ids = tf.constant(texts(3, length))
    objective = MaskedTokens(INFO, rate=rate)
    _, targets, _ = objective.transform(ids, None, seeds(3))
    chosen = np.sum(targets.numpy() >= 0, axis=1)
    assert set(chosen) == {max(1, round(length * rate))}


def test_logits_are_those_of_the_chosen_places(tmp_path):
    keras.utils.set_random_seed(0)
    spec = tf.TensorSpec((None,), tf.int32, "tokens")
    given = BackboneInput(spec, vocabulary_size=len(VOCABULARY))
    backbone = BACKBONES["rnn"](given, width=6)
    objective = MaskedTokens(INFO)
    model = objective.assemble(backbone)
    inputs, targets, _ = objective.transform(
        tf.constant(texts(3)), None, seeds(3)
    )
    sequence = backbone.get_layer("sequence").output
    features = keras.Model(backbone.inputs[0], sequence)(inputs["tokens"])
    everywhere = model.get_layer("logits")(features).numpy()
    positions = inputs["masked_positions"].numpy()
    expected = np.take_along_axis(everywhere, positions[..., None], 1)
    np.testing.assert_allclose(model(inputs), expected, atol=1e-6)
    assert model(inputs).shape == (3, 2, 14) and targets.shape == (3, 2)
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(inputs), model(inputs))


def bert(**settings):
    keras.utils.set_random_seed(0)
    spec = tf.TensorSpec((None,), tf.int32, "tokens")
    given = BackboneInput(spec, vocabulary_size=len(VOCABULARY))
    sizes = {"width": 8, "heads": 2, "depth": 2}
    return BACKBONES["bert"](given, **sizes | settings)


def test_the_backbone_s_vectors_predict_words(tmp_path):
    backbone = bert()
    parameters, names = backbone.count_params(), names_in(backbone)
    model = MaskedTokens(INFO).assemble(backbone)
    # 8 · 8 + 8 dense, 2 · 8 of the normalisation, and a bias of each word
    assert model.count_params() == parameters + 72 + 16 + 14
    assert names_in(backbone) == names
    inputs, _, _ = MaskedTokens(INFO).transform(
        tf.constant(texts(3)), None, seeds(3)
    )
    x = keras.Model(backbone.input, backbone.get_layer("sequence").output)(
        inputs["tokens"]
    )
    positions = inputs["masked_positions"][..., None].numpy()
    x = np.take_along_axis(x.numpy(), positions, 1)
    x = model.get_layer("transform_norm")(
        model.get_layer("transform_dense")(x)
    ).numpy()
    table = backbone.get_layer("embedding_table").get_weights()[0]
    bias = np.arange(14, dtype=np.float32)
    model.get_layer("transform_bias").set_weights([bias[:, None]])
    expected = x @ table.T + bias
    np.testing.assert_allclose(model(inputs), expected, atol=1e-5)
    for name, saved in (("model", model), ("backbone", backbone)):
        saved.save(tmp_path / f"{name}.keras")
        load_model(tmp_path / f"{name}.keras")
    again = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(inputs), model(inputs))


def names_in(model):
    return [operation.name for operation in model.operations]


def test_vectors_behind_a_cut_predict_and_stay():
    backbone = bert()
    model = MaskedTokens(INFO).assemble(backbone)
    prefix, suffix = split(model, backbone, "block1")
    trained = {v.path.split("/")[0] for v in suffix.trainable_variables}
    assert "embedding_table" not in trained and "transform_dense" in trained
    inputs, _, _ = MaskedTokens(INFO).transform(
        tf.constant(texts(3)), None, seeds(3)
    )
    cut = suffix(prefix(inputs))
    np.testing.assert_allclose(cut, model(inputs), atol=1e-6)


def test_a_dense_layer_predicts_where_widths_differ_or_it_is_asked_for():
    spec = tf.TensorSpec((None,), tf.int32, "tokens")
    given = BackboneInput(spec, vocabulary_size=len(VOCABULARY))
    wider = BACKBONES["rnn"](given, width=6, units=5)
    made = MaskedTokens(INFO).assemble(wider)
    asked = MaskedTokens(INFO, tied=False).assemble(bert())
    for model in (made, asked):
        assert isinstance(model.get_layer("logits"), keras.layers.Dense)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_rate_out_of_its_range(rate):
    with pytest.raises(UserError, match=f"between 0 and 1, got {rate}"):
        MaskedTokens(INFO, rate=rate)


def test_needs_texts():
    with pytest.raises(UserError, match="'masked_tokens' learns from texts"):
        MaskedTokens(DataInfo(label_names=("cat", "dog")))
    with pytest.raises(UserError, match="at least 1 word in the vocabulary"):
        MaskedTokens(text_info(VOCABULARY[:4], sequence_length=12))
