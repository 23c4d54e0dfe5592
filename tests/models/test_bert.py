"""BERT's ends, positions, blocks and pools against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import erf

from keras_ptft.errors import UserError
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.bert import bert

TEXT = BackboneInput(
    tf.TensorSpec((None,), tf.int32, "tokens"), vocabulary_size=10
)
# four tokens, one, and none
IDS = np.array([[5, 6, 7, 8, 0, 0], [9, 0, 0, 0, 0, 0], [0] * 6], np.int32)
COUNTS = (4, 1, 0)
SMALL = {"width": 8, "heads": 2, "depth": 1, "dropout": 0.0, "longest": 6}


def built(**settings):
    """A model with random weights that are large enough to matter."""
    keras.utils.set_random_seed(3)
    model = bert(TEXT, **(SMALL | settings))
    random = np.random.default_rng(0)
    for variable in model.variables:
        if variable.dtype == "float32":
            variable.assign(random.normal(0, 0.5, variable.shape))
    return model


def output_of(model, name):
    return np.array(keras.Model(model.input, model.get_layer(name).output)(IDS))


def weights_of(model, name):
    weights = model.get_layer(name).get_weights()
    return [weight.astype(np.float64) for weight in weights]


def norm(x, weights):
    gamma, beta = weights
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12) * gamma + beta


def test_a_text_stands_between_two_ends():
    model = built()
    (table,) = weights_of(model, "embedding_table")
    (ends,) = weights_of(model, "positions_ends")
    (positions,) = weights_of(model, "positions_table")
    found = output_of(model, "positions")
    assert found.shape == (3, 8, 8)
    for row, ids, count in zip(found, IDS, COUNTS, strict=True):
        text = np.stack([ends[0], *table[ids[:count]], ends[1]])
        expected = norm(
            text + positions[: count + 2], weights_of(model, "positions_norm")
        )
        np.testing.assert_allclose(row[: count + 2], expected, atol=1e-5)
        assert not row[count + 2 :].any()


def test_late_tokens_share_the_last_position():
    model = built(longest=4)
    x = keras.Model(model.input, model.get_layer("positions").output)
    found = np.array(x(np.full((1, 9), 7)))[0]
    assert not np.allclose(found[1], found[2])
    np.testing.assert_allclose(found[9], found[3], atol=1e-6)
    assert np.isfinite(model(np.full((1, 900), 7))).all()


def test_a_block_in_numpy():
    model = built()
    given, found = output_of(model, "positions"), output_of(model, "block1")
    for x, y, count in zip(given, found, COUNTS, strict=True):
        expected = block(x[: count + 2].astype(np.float64), model)
        np.testing.assert_allclose(y[: count + 2], expected, atol=1e-5)
        assert not y[count + 2 :].any()


def block(x, model):
    """Attention and dense layers, each added, then normalised."""
    attention = weights_of(model, "block1_attention")
    query, bias_q, key, bias_k, value, bias_v, out, bias = attention
    total = bias
    for head in range(2):
        q = x @ query[:, head] + bias_q[head]
        k = x @ key[:, head] + bias_k[head]
        v = x @ value[:, head] + bias_v[head]
        scores = np.exp(q @ k.T / 2)
        shares = scores / scores.sum(-1, keepdims=True)
        total = total + shares @ v @ out[head]
    x = norm(x + total, weights_of(model, "block1_attention_norm"))
    kernel, bias = weights_of(model, "block1_dense_hidden")
    hidden = x @ kernel + bias
    # the exact GELU, not the one by tanh
    hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
    kernel, bias = weights_of(model, "block1_dense")
    return norm(
        x + hidden @ kernel + bias, weights_of(model, "block1_dense_norm")
    )


def test_the_sequence_has_the_rows_of_the_tokens():
    model = built()
    rows, found = output_of(model, "block1"), output_of(model, "sequence")
    assert found.shape == (*IDS.shape, 8)
    for row, sequence, count in zip(rows, found, COUNTS, strict=True):
        np.testing.assert_array_equal(sequence[:count], row[1 : count + 1])
        assert not sequence[count:].any()


def test_pools_have_the_ends_too():
    rows = output_of(built(), "block1")
    wholes = [rows[i, : count + 2] for i, count in enumerate(COUNTS)]
    means = np.stack([whole.mean(0) for whole in wholes])
    found = np.array(built()(IDS))
    np.testing.assert_allclose(found, means, atol=1e-6)
    first = np.array(built(pool="cls")(IDS))
    np.testing.assert_array_equal(first, rows[:, 0])
    for pool, whole in (("mean", means), ("cls", first)):
        scaled = np.array(built(pool=pool, normalize=True)(IDS))
        lengths = np.linalg.norm(whole, axis=1, keepdims=True)
        np.testing.assert_allclose(scaled, whole / lengths, atol=1e-6)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"pool": "max"}, "Setting 'pool' must be mean or cls, got 'max'."),
        ({"longest": 2}, "Setting 'longest' must be at least 3, got 2."),
        ({"heads": 3}, "must be a multiple of the 3 heads, got 8: use 6."),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises(UserError) as caught:
        bert(TEXT, **(SMALL | settings))
    assert message in str(caught.value)
