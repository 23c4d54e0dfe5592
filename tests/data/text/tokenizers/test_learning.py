"""Vocabularies by hand and on real text."""

import re
from collections import Counter

import pytest
import tensorflow as tf

from keras_ptft.data.text.tokenizers import SPECIAL, UNKNOWN, learn
from keras_ptft.errors import UserError


def learned(setting, *texts, sequence_length=0):
    batches = [tf.constant([text]) for text in texts]
    return learn(setting, lambda: iter(batches), sequence_length)


def test_the_most_frequent_come_first_and_ties_by_token():
    tokenizer = learned("words", "b a c b", "a d b")
    assert tokenizer.vocabulary == (*SPECIAL, "b", "a", "c", "d")
    assert tokenizer.counts.tolist() == [0, 0, 0, 0, 3, 2, 1, 1]
    assert tokenizer(["d x b"]).to_list() == [[7, UNKNOWN, 4]]


@pytest.mark.parametrize(
    "setting", ["words(min_count=2)", "words(vocabulary_size=6)"]
)
def test_rare_tokens_are_unknown(setting):
    tokenizer = learned(setting, "b a c b", "a d b")
    assert tokenizer.vocabulary[4:] == ("b", "a")
    assert tokenizer.counts.tolist() == [0, 2, 0, 0, 3, 2]


def test_the_length_holds_95_of_100_texts():
    texts = ["a"] * 94 + ["a a a"] * 2 + ["a a a a"] * 4
    assert learned("words", *texts).sequence_length == 3
    assert learned("words", *texts[1:95]).sequence_length == 1
    fixed = learned("words", *texts, sequence_length=2)
    assert fixed.sequence_length == 2
    # a call leaves cutting off to the source
    assert fixed(["a a a a"]).row_lengths().numpy().tolist() == [4]


@pytest.mark.parametrize("setting", ["words", "characters"])
def test_a_heart_is_one_token_however_it_is_written(cases, setting):
    text = (cases / "small" / "emoji.csv").read_text("utf-8")
    texts = [line.rpartition(",")[0] for line in text.splitlines()[1:]]
    assert any("❤\ufe0f" in text for text in texts)
    vocabulary = learned(setting, *texts, "a ❤ alone").vocabulary
    assert [token for token in vocabulary if "❤" in token] == ["❤"]


@pytest.mark.parametrize("texts", [(), ("", " \x00")])
def test_texts_without_words_are_an_error(texts):
    with pytest.raises(UserError) as caught:
        learned("words", *texts)
    assert str(caught.value) == (
        f"The training texts must have a word, got {len(texts)} texts "
        "without any: add data."
    )


def test_pieces_come_by_frequency_and_are_counted():
    text = "low lower lowest low newer newest"
    tokenizer = learned("subwords(vocabulary_size=30)", text)
    ids = tokenizer([text]).flat_values.numpy().tolist()
    counts = Counter(ids)
    assert {i: n for i, n in enumerate(tokenizer.counts) if n} == counts
    assert sorted(tokenizer.counts[4:], reverse=True) == list(
        tokenizer.counts[4:]
    )
    assert UNKNOWN not in counts


@pytest.mark.slow
def test_real_requests(requests, batches):
    tokenizer = learn("words", batches(requests), 0)
    assert len(tokenizer.vocabulary) == 5_229
    pattern = "[a-z0-9]+(?:['’][a-z0-9]+)*|[^ ]"
    words = re.findall(pattern, "\n".join(requests).lower())
    expected = Counter(word for word in words if word != "\n")
    counts = dict(zip(tokenizer.vocabulary, tokenizer.counts, strict=True))
    assert {word: counts.get(word) for word in expected} == expected
    assert tokenizer.vocabulary[4:8] == ("my", "to", "i", "the")
    assert tokenizer.sequence_length == 15
    assert tokenizer.counts[UNKNOWN] == 0


def test_real_chinese(chinese, batches):
    tokenizer = learn("characters(vocabulary_size=2000)", batches(chinese), 0)
    assert tokenizer.vocabulary[4:8] == ("的", ",", "。", "在")
    assert 0 < tokenizer.counts[UNKNOWN] / tokenizer.counts.sum() < 0.02


def test_raw_shakespeare_by_characters(shared_data):
    path = shared_data / "tiny_shakespeare" / "input.txt"
    text = path.read_text("utf-8")
    setting = "characters(all=True, clean=False, lower=False)"
    tokenizer = learned(setting, text, sequence_length=256)
    assert set(tokenizer.vocabulary[4:]) == set(text)
    ids = tokenizer([text]).flat_values.numpy()
    assert len(ids) == 1_115_394
    assert tokenizer.text_of(ids[:10_000].tolist()) == text[:10_000]
