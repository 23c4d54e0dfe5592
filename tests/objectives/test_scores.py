import math

import keras
import numpy as np
import pytest

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.token_source import TokenSource
from keras_ptft.data.text.window_source import TokenWindowSource
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.embedding import embedding
from keras_ptft.objectives.classification import Classification
from keras_ptft.objectives.next_token import NextToken
from keras_ptft.objectives.tagging import Tagging
from keras_ptft.objectives.word2vec import CBOW, SkipGram
from tests.infos import text_info

# after the four special ones
A, B = 4, 5
VOCABULARY = ("[PAD]", "[UNK]", "[MASK]", "[END]", "a", "b")
COUNTS = np.array([0, 0, 0, 0, 3, 3])
WORDS = text_info(VOCABULARY, counts=COUNTS, sequence_length=3)


def tagged(names):
    return text_info(
        VOCABULARY, sequence_length=3, label_names=names, tagged=True
    )


def backbone(source, width):
    given = BackboneInput(source.spec, vocabulary_size=6)
    return embedding(given, width=width)


def by_token(objective, source, rows):
    """A model whose logits depend on the token alone.

    Args:
        objective: what reads "sequence" or "embedding".
        source: the examples.
        rows: token to its logits.
    """
    model = objective.assemble(
        embedding(BackboneInput(source.spec, vocabulary_size=6), width=6)
    )
    model.get_layer("embedding_table").set_weights([np.eye(6)])
    layer = model.get_layer("logits")
    kernel = np.zeros(layer.kernel.shape)
    for token, logits in rows.items():
        kernel[token] = logits
    layer.set_weights([kernel, np.zeros(kernel.shape[1])])
    return model


@pytest.mark.parametrize("times", [1, 40])
def test_perplexity_worked_by_hand(times):
    ids = np.array([A, B, A, A, B, B] * times, np.int32)
    source = TokenWindowSource(ids, 3)
    objective = NextToken(WORDS)
    after_a = np.log([0.1, 0.1, 0.1, 0.1, 0.1, 0.5])
    after_b = np.log([0.15, 0.15, 0.15, 0.15, 0.25, 0.15])
    model = by_token(objective, source, {A: after_a, B: after_b})
    found = objective.score(model, source)
    # of each time: ab twice, aa, bb, ba and, but for the last, ba again
    ba, total = 2 * times - 1, 6 * times - 1
    surprise = 2 * times * math.log(0.5) + ba * math.log(0.25)
    surprise += times * (math.log(0.1) + math.log(0.15))
    assert found == pytest.approx(
        {
            "examples": math.ceil(total / 3),
            "loss": -surprise / total,
            "accuracy": (2 * times + ba) / total,
            "perplexity": math.exp(-surprise / total),
        },
        rel=1e-5,
    )


@pytest.mark.parametrize("kind", [SkipGram, CBOW])
def test_word_vectors_have_no_perplexity(kind):
    ids = np.array([A, B, A, A, B, B], np.int32)
    source = TokenSource(ids, [3, 6], [0, 0], np.zeros(2), longest=3)
    objective = kind(WORDS, negatives=1, subsample=0.0)
    model = objective.assemble(
        embedding(BackboneInput(source.spec, vocabulary_size=6), width=2)
    )
    found = objective.score(model, source)
    assert set(found) == {"examples", "loss"}
    # context vectors start as zeros: log 2 for a word and at most as much
    # for its negative, which does not count where it is the word itself
    assert math.log(2) <= found["loss"] <= 2 * math.log(2)


@pytest.mark.parametrize("times", [1, 40])
def test_tags_worked_by_hand(times):
    # "a" is always taken for the begin of a person, "b" for the inside
    ids = np.array([A, B, A, A, B] * times, np.int32)
    tags = np.array([1, 2, 0, 1, 1] * times)
    ends = np.cumsum([3, 2] * times)
    source = TokenSource(
        ids,
        ends,
        np.zeros(len(ends)),
        np.zeros(len(ends)),
        longest=3,
        tags=tags,
    )
    names = ("O", "B-PER", "I-PER")
    objective = Tagging(tagged(names))
    logits = {A: np.log([0.1, 0.8, 0.1]), B: np.log([0.25, 0.25, 0.5])}
    model = by_token(objective, source, logits)
    found = objective.score(model, source)
    # right are the first, the second and the fourth of five
    right = math.log(0.8) + math.log(0.5) + math.log(0.8)
    assert found.pop("loss") == pytest.approx(
        -(right + math.log(0.1) + math.log(0.25)) / 5
    )
    assert found.pop("accuracy") == pytest.approx(3 / 5)
    # told are ab and a, then ab; there are ab, then a and b
    scores = {"precision": 1 / 3, "recall": 1 / 3, "f1": 1 / 3}
    assert found == {
        "examples": 2 * times,
        "entities": 3 * times,
        **{f"entity_{name}": value for name, value in scores.items()},
        "per_class": {"PER": {**scores, "support": 3 * times}},
    }


def test_tags_of_parts_of_speech_are_classes_of_tokens():
    ids = np.array([A, B, A, A, B], np.int32)
    source = TokenSource(
        ids,
        [3, 5],
        [0, 0],
        np.zeros(2),
        longest=2,
        tags=np.array([0, 1, 0, 1, 1]),
    )
    names = ("NOUN", "VERB")
    objective = Tagging(tagged(names))
    logits = {A: [1.0, 0.0], B: [0.0, 1.0]}
    model = by_token(objective, source, logits)
    found = objective.score(model, source)
    # the third token is cut off; of the rest the first "a" alone is a noun
    assert found["confusions"] == [[1, 0, 1]]
    assert found["accuracy"] == pytest.approx(3 / 4)
    assert found["f1_macro"] == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_classes_are_scored_from_logits():
    logits = np.log([[3.0, 1.0], [1.0, 3.0], [3.0, 1.0]])
    source = ArraySource(logits.astype(np.float32), [0, 1, 1], name="vector")
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    info = DataInfo(label_names=("a", "b"))
    found = Classification(info).score(model, source)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["confusions"] == [[1, 0, 1]]
    # probabilities 3/4, 3/4 and 1/4
    expected = -(2 * math.log(3 / 4) + math.log(1 / 4)) / 3
    assert found["loss"] == pytest.approx(expected)


def test_the_loss_that_is_trained_is_the_loss_that_is_reported():
    logits = np.log([[3.0, 1.0]]).astype(np.float32)
    source = ArraySource(logits, [0], name="vector")
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    info = DataInfo(label_names=("a", "b"))
    found = Classification(info, label_smoothing=0.4).score(model, source)
    # targets 0.8 and 0.2
    expected = -(0.8 * math.log(3 / 4) + 0.2 * math.log(1 / 4))
    assert found["loss"] == pytest.approx(expected)
