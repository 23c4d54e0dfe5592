"""Losses of texts that are compared, by hand and by second implementations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.pair_source import pair_source
from keras_ptft.data.text.pairs import joined
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import token_source
from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.objectives import OBJECTIVES, simcse
from keras_ptft.objectives.contrastive_pairs import ContrastivePairs
from keras_ptft.objectives.simcse import SimCSE
from keras_ptft.registry import lookup
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.fit import FitConfig, fit
from keras_ptft.training.optimizers.optimizers import make_optimizer
from keras_ptft.training.training_model import TrainingModel
from tests.infos import text_info

VOCABULARY = ("[PAD]", "[UNK]", "[MASK]", "[END]", *map(str, range(20)))
INFO = text_info(VOCABULARY, sequence_length=6)
PAIRS = text_info(VOCABULARY, sequence_length=6, columns=("one", "other"))
CASES = {"simcse": "simcse", "contrastive_pairs": "contrastive_pairs"}


def features(count=6, width=5):
    """float32 of shape (count, 2, width)."""
    random = np.random.default_rng(0)
    return random.standard_normal((count, 2, width)).astype(np.float32)


def directions(rows):
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def seeds(count):
    return tf.constant([[7, 0, number] for number in range(count)], tf.int64)


def test_a_text_is_taken_twice_and_known_by_its_tokens():
    ids = tf.constant([[7, 4, 0], [4, 7, 0], [7, 4, 0], [0, 0, 0]])
    inputs, targets, weights = SimCSE(INFO).transform(ids, None, seeds(4))
    np.testing.assert_array_equal(inputs[:, 0], ids)
    np.testing.assert_array_equal(inputs[:, 1], ids)
    texts = targets[:, 0].numpy()
    assert texts[0] == texts[2] and len(set(texts)) == 3
    assert targets[:, 1].numpy().tolist() == [0, 1, 2, 3]
    assert weights.numpy().tolist() == [1.0, 1.0, 1.0, 0.0]
    wide = tf.pad(ids, [(0, 0), (0, 5)])
    _, padded, _ = SimCSE(INFO).transform(wide, None, seeds(4))
    np.testing.assert_array_equal(padded, targets)


def test_simcse_by_hand():
    outputs = tf.constant([[[2.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, -3.0]]])
    targets = tf.constant([[11, 0], [22, 1]], tf.int64)
    loss = SimCSE(INFO, temperature=0.5).loss(targets, outputs)
    # cosines to the other three, divided by 0.5: 2, 0, 0 and -2, 0, 0
    expected = [np.log1p(2 * np.exp(-2.0)), np.log1p(2 * np.exp(2.0))]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_equal_texts_belong_together():
    outputs = features()
    texts = np.array([1, 2, 1, 3, 4, 5])
    targets = tf.constant(np.stack([texts, range(6)], axis=1))
    rows = directions(outputs).reshape(12, -1)
    belongs = texts.repeat(2)
    expected = []
    for i, row in enumerate(rows):
        others = [j for j in range(12) if j != i]
        shares = np.exp(rows @ row / 0.1)
        shares /= shares[others].sum()
        right = [j for j in others if belongs[j] == belongs[i]]
        expected.append(-np.log(shares[right]).mean())
    expected = np.reshape(expected, (6, 2)).mean(axis=1)
    loss = SimCSE(INFO, temperature=0.1).loss(targets, outputs)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def pair_inputs(*pairs):
    texts = in_memory(joined(pair).encode() for pair in pairs)
    source = pair_source(TextSource(texts), PAIRS.text_tokenizer)
    return source.gather(tf.range(len(pairs), dtype=tf.int64))


def test_pairs_are_parted_and_known_by_their_tokens():
    inputs = pair_inputs(("1 2", "3"), ("1 2", "4 5 6"), ("7", "3"), ("8", ""))
    objective = ContrastivePairs(PAIRS)
    parts, targets, weights = objective.transform(inputs, None, seeds(4))
    assert parts.numpy()[:, :, :3].tolist() == [
        [[5, 6, 0], [7, 0, 0]],
        [[5, 6, 0], [8, 9, 10]],
        [[11, 0, 0], [7, 0, 0]],
        [[12, 0, 0], [0, 0, 0]],
    ]
    found = targets.numpy()
    assert found[0, 0] == found[1, 0] and found[0, 1] == found[2, 1]
    assert len(set(found.flat)) == 5
    # what lacks a text does not count
    assert found[3].tolist() == [0, 0]
    assert weights.numpy().tolist() == [1.0, 1.0, 1.0, 0.0]


TWO = tf.constant([[[1.0, 0.0], [2.0, 0.0]], [[0.0, 3.0], [-1.0, 0.0]]])
OWN = tf.constant([[1, 2], [3, 4]], tf.int64)


def test_pairs_by_hand():
    loss = ContrastivePairs(PAIRS, temperature=0.5).loss(OWN, TWO)
    # cosines of the first texts to both second ones: 1, -1 and 0, 0
    one_way = np.array([np.log1p(np.exp(-4.0)), np.log(2.0)])
    np.testing.assert_allclose(loss, one_way, rtol=1e-5)
    both = ContrastivePairs(PAIRS, temperature=0.5, symmetric=True)
    # of the second texts to both first ones: 1, 0 and -1, 0
    back = np.log1p(np.exp(-2.0))
    np.testing.assert_allclose(
        both.loss(OWN, TWO), (one_way + back) / 2, rtol=1e-5
    )


def test_the_nearest_partner_by_hand():
    metric = ContrastivePairs(PAIRS).metrics()[0]
    metric.update_state(OWN, TWO, tf.ones(2))
    # both are as near to the second of the first texts: no hit
    assert float(metric.result()) == 0.5


def ranking(outputs, texts, side=0, temperature=0.1):
    """Row by row, as it is told in words."""
    rows, others = (
        directions(outputs[:, side]),
        directions(outputs[:, 1 - side]),
    )
    losses = []
    for i in range(len(rows)):
        logits, seen = [], set()
        for j in range(len(rows)):
            answer = texts[j, 1 - side]
            of_answer = texts[texts[:, 1 - side] == answer, side]
            wrong = texts[i, side] in of_answer
            is_right = answer == texts[i, 1 - side]
            if answer in seen or (wrong and not is_right):
                continue
            seen.add(answer)
            logits.append((is_right, rows[i] @ others[j] / temperature))
        total = np.log(sum(np.exp(value) for _, value in logits))
        (right,) = (value for is_right, value in logits if is_right)
        losses.append(total - right)
    return np.array(losses)


@pytest.mark.parametrize(
    "texts",
    [
        [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [11, 12]],
        # the second and third share a first text, the next two a second one
        [[1, 2], [3, 4], [3, 6], [7, 8], [9, 8], [11, 12]],
        # the answer 4 belongs to 3 and to 5, which has another one too
        [[1, 2], [3, 4], [5, 4], [5, 8], [9, 10], [11, 12]],
        # the last one fills up a batch
        [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [1, 2]],
    ],
)
def test_equal_texts_are_no_negatives(texts):
    outputs, texts = features(), np.array(texts)
    if texts[-1, 0] == 1:
        outputs[-1] = outputs[0]
    objective = ContrastivePairs(PAIRS, temperature=0.1, symmetric=True)
    loss = objective.loss(tf.constant(texts), tf.constant(outputs))
    expected = (ranking(outputs, texts) + ranking(outputs, texts, 1)) / 2
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_a_pair_that_lacks_a_text_changes_nothing():
    outputs, texts = features(), np.arange(1, 13).reshape(6, 2)
    objective = ContrastivePairs(PAIRS)
    whole = objective.loss(tf.constant(texts[:4]), tf.constant(outputs[:4]))
    texts[4:] = 0
    more = objective.loss(tf.constant(texts), tf.constant(outputs))
    np.testing.assert_allclose(more[:4], whole, rtol=1e-6)
    assert more.numpy()[4:].tolist() == [0.0, 0.0]


def words(count):
    """Texts of 1 to 6 words."""
    random = np.random.default_rng(1)
    lengths = random.integers(1, 7, count)
    return [" ".join(map(str, random.integers(0, 20, n))) for n in lengths]


def source_of(objective):
    tokenizer = objective.info.text_tokenizer
    if not objective.pairs:
        texts = in_memory(text.encode() for text in words(128))
        return token_source(TextSource(texts), tokenizer)
    pairs = zip(words(256)[:128], words(256)[128:], strict=True)
    texts = in_memory(joined(pair).encode() for pair in pairs)
    return pair_source(TextSource(texts), tokenizer)


def two_steps(name, replicas="one_device", jit="false"):
    """Weights before and after two steps, and the losses."""
    keras.utils.set_random_seed(0)
    objective = lookup(OBJECTIVES, CASES[name], "objective")(PAIRS)
    data, chosen = source_of(objective), get_strategy(replicas)
    with chosen.scope():
        given = BackboneInput(data.spec, vocabulary_size=24)
        body = BACKBONES["bert"](given, width=16, heads=2, depth=1, dropout=0.0)
        model = objective.assemble(body)
        plan = make_plan(
            chosen, model, batch_size=64, steps_per_epoch=2, jit_compile=jit
        )
        loop = TrainingModel(
            model,
            objective,
            optimizer=make_optimizer(
                "sgd", "constant", learning_rate=0.1, total_steps=2
            ),
            plan=plan,
            steps_per_epoch=2,
        )
    before = model.get_weights()
    (row,) = fit(loop, {"train": data, "validation": data}, FitConfig(epochs=1))
    return before, model.get_weights(), (row["loss"], row["val_loss"])


@pytest.fixture
def without_dropout(monkeypatch):
    """Replicas draw dropout of their own, which no two runs could share."""
    monkeypatch.setattr(simcse, "_check_dropout", lambda _: None)


@pytest.mark.slow
@pytest.mark.usefixtures("without_dropout")
@pytest.mark.parametrize("name", ["contrastive_pairs", "simcse"])
def test_two_steps_on_one_and_on_two_replicas(name):
    before, one, losses = two_steps(name)
    _, two, others = two_steps(name, "mirrored")
    moved = [np.abs(o - n).max() for o, n in zip(before, one, strict=True)]
    assert max(moved) > 1e-3
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)
    np.testing.assert_allclose(losses, others, rtol=1e-5)


@pytest.mark.slow
def test_compiled_steps_and_steps_in_half_precision():
    _, one, losses = two_steps("contrastive_pairs")
    _, compiled, others = two_steps("contrastive_pairs", jit="true")
    for first, second in zip(one, compiled, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)
    np.testing.assert_allclose(losses, others, rtol=1e-5)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        _, _, halves = two_steps("contrastive_pairs")
    finally:
        keras.config.set_dtype_policy(before)
    np.testing.assert_allclose(losses, halves, rtol=0.05)


def body(dropout):
    spec = tf.TensorSpec((None,), tf.int32, "tokens")
    given = BackboneInput(spec, vocabulary_size=24)
    return BACKBONES["bert"](given, width=8, heads=2, depth=1, dropout=dropout)


def test_simcse_needs_dropout():
    with pytest.raises(UserError, match="backbone has none: set it, as --back"):
        SimCSE(INFO).assemble(body(0.0))
    dropping = body(0.1)
    before = [np.array(v) for v in dropping.variables]
    model = SimCSE(INFO).assemble(dropping)
    # the states of dropout are the same afterwards
    for old, new in zip(before, dropping.variables, strict=True):
        np.testing.assert_array_equal(old, new)
    ids = tf.constant([[5, 6, 7], [8, 9, 0]])
    outputs = SimCSE(INFO).run(model, tf.stack([ids, ids], axis=1))
    expected = dropping(ids)
    np.testing.assert_allclose(outputs[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(outputs[:, 1], expected, atol=1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: SimCSE(DataInfo()), "'simcse' learns from texts"),
        (lambda: SimCSE(INFO, temperature=0.0), "'temperature' must be above"),
        (
            lambda: ContrastivePairs(INFO),
            "the texts of two columns, got none: name both, as --text_column=q",
        ),
        (
            lambda: ContrastivePairs(PAIRS, temperature=11.0),
            "'temperature' must be above 0 and at most 10",
        ),
    ],
)
def test_what_cannot_work_is_told(make, message):
    with pytest.raises(UserError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
