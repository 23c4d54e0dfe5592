"""Attention and positions against NumPy and numbers worked by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.transformer import sinusoid, transformer

TEXT = BackboneInput(
    tf.TensorSpec((None,), tf.int32, "tokens"), vocabulary_size=10
)
IDS = np.array([[5, 6, 7, 8, 0, 0]], np.int32)
SMALL = {"width": 8, "heads": 2, "depth": 1, "dropout": 0.0}


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(3)


def output_of(model, name):
    return keras.Model(model.input, model.get_layer(name).output)


def test_sinusoid_by_hand():
    positions = np.array([[0.0], [1.0], [2.0]], np.float32)
    # rates 1 and 1 / 10000^(2/4) = 0.01
    expected = [
        [0, 1, 0, 1],
        [0.841471, 0.540302, 0.0099998, 0.99995],
        [0.909297, -0.416147, 0.0199987, 0.9998],
    ]
    np.testing.assert_allclose(sinusoid(positions, 4), expected, atol=1e-6)


def test_positions_are_added_to_scaled_vectors():
    model = transformer(TEXT, **SMALL)
    vectors = model.get_layer("embedding_table").get_weights()[0][IDS[0, :4]]
    positions = np.arange(4, dtype=np.float32)[:, None]
    expected = vectors * 8**0.5 + sinusoid(positions, 8)
    found = output_of(model, "positions")(IDS)[0]
    np.testing.assert_allclose(found[:4], expected, atol=1e-6)
    assert not np.any(found[4:])


def test_late_tokens_share_the_last_learned_position():
    model = transformer(TEXT, positions="learned", longest=2, **SMALL)
    found = output_of(model, "positions")(np.full((1, 4), 7))[0].numpy()
    assert np.any(found[0] != found[1])
    assert np.array_equal(found[1], found[2])
    assert np.array_equal(found[1], found[3])


@pytest.mark.parametrize("causal", [False, True])
def test_attention_in_numpy(causal):
    model = transformer(TEXT, causal=causal, **SMALL)
    normed = output_of(model, "block1_attention_norm")(IDS)[0].numpy()
    layer = model.get_layer("block1_attention")
    weights = [w.astype(np.float64) for w in layer.get_weights()]
    expected = attention(normed.astype(np.float64)[:4], weights, causal)
    found = output_of(model, "block1_attention")(IDS)[0]
    np.testing.assert_allclose(found[:4], expected, atol=1e-5)


def attention(x, weights, causal):
    """softmax(Q K^T / sqrt(d)) V of each head, projected and added up."""
    query, bias_q, key, bias_k, value, bias_v, out, bias = weights
    total = 0
    for head in range(2):
        q, k, v = (
            x @ kernel[:, head] + offset[head]
            for kernel, offset in (
                (query, bias_q),
                (key, bias_k),
                (value, bias_v),
            )
        )
        scores = q @ k.T / np.sqrt(4)
        if causal:
            scores = np.where(np.tri(len(x)) > 0, scores, -np.inf)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        total = total + shares @ v @ out[head]
    return total + bias


@pytest.mark.parametrize("causal", [False, True])
def test_only_what_is_not_causal_looks_ahead(causal):
    model = transformer(TEXT, width=8, heads=2, causal=causal)
    other = IDS.copy()
    other[0, 3] = 9
    sequence = output_of(model, "sequence")
    first, second = (sequence(ids)[0, :3] for ids in (IDS, other))
    assert np.array_equal(first, second) == causal


def test_projections_start_unlike_and_keep_the_variance():
    model = transformer(TEXT, width=64, heads=4, depth=1)
    query, _, key, *_ = model.get_layer("block1_attention").get_weights()
    assert np.std(query) == pytest.approx(1 / 8, rel=0.05)
    assert abs(np.corrcoef(query.ravel(), key.ravel())[0, 1]) < 0.1
