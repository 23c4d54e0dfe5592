"""Byte pairs beside those of the `tokenizers` package by itself."""

import json
import sys

import numpy as np
import pytest
import tensorflow as tf
import tokenizers

from keras_ptft.data.text.token_source import words_encoder
from keras_ptft.data.text.tokenizers import SPECIAL, Tokenizer
from keras_ptft.errors import UserError
from keras_ptft.explanation.pieces import token_pieces
from keras_ptft.models.pretrained.bert_tensors import reordered
from keras_ptft.models.pretrained.byte_pairs import NAMES, byte_pairs
from keras_ptft.serving.signatures.text import ids_of
from tests.data.text.tokenizers.any_strings import strings
from tests.models.pretrained.roberta_files import trained

# ours in place of theirs; <s> is a token like any other
RENAMED = {name: token for token, name in NAMES.items()}
RENAMED["</s>"] = "[END]"
BATCH = 1024


@pytest.fixture(scope="module")
def package(requests, chinese):
    """The package alone, in which no text is a special token."""
    found = trained([*requests[:3000], *chinese], size=3000)
    loaded = tokenizers.Tokenizer.from_str(found.to_str())
    loaded.encode_special_tokens = True
    return loaded


@pytest.fixture(scope="module")
def tokenizer(package):
    pairs = byte_pairs(json.loads(package.to_str()), 3000, "it")
    vocabulary = reordered(pairs.vocabulary)
    return Tokenizer.given("bpe", vocabulary, 12, pairs.rules)


def check_equal(tokenizer, package, texts):
    """Ids are those of the package, by the order of the tokens here."""
    row = {name: index for index, name in enumerate(tokenizer.vocabulary)}
    ours = [
        row[RENAMED.get(name, name)]
        for name, _ in sorted(package.get_vocab().items(), key=lambda x: x[1])
    ]
    assert sorted(ours) == [*range(len(tokenizer.vocabulary))]
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        decoded = [
            text if isinstance(text, str) else text.decode(errors="replace")
            for text in batch
        ]
        expected = package.encode_batch(decoded, add_special_tokens=False)
        assert tokenizer(tf.constant(batch)).to_list() == [
            [ours[index] for index in encoding.ids] for encoding in expected
        ]


@pytest.mark.parametrize(
    ("split", "count"),
    [("test", 4_500), pytest.param("train", 15_000, marks=pytest.mark.slow)],
)
def test_real_requests(tokenizer, package, shared_data, split, count):
    path = shared_data / "clinc_oos" / "data_full.json"
    texts = [text for text, _ in json.loads(path.read_text("utf-8"))[split]]
    assert len(texts) == count
    check_equal(tokenizer, package, texts)


@pytest.mark.parametrize("language", ["eng_Latn", "zho_Hans"])
def test_real_sentences(tokenizer, package, sentences, language):
    splits = ("train", "dev", "test")
    texts = [text for split in splits for text in sentences(language, split)]
    assert len(texts) == 1004
    check_equal(tokenizer, package, texts)


@pytest.mark.parametrize(
    "count", [1_000, pytest.param(20_000, marks=pytest.mark.slow)]
)
def test_any_strings(tokenizer, package, count):
    pieces = [*package.get_vocab(), "<s>", "'t", "  "]
    check_equal(tokenizer, package, list(strings(pieces, count)))


def test_it_cannot_be_in_a_graph_and_knows_any_text(tokenizer):
    assert not tokenizer.in_graph
    assert (tokenizer.width, tokenizer.size) == (1, 3000)
    found = tokenizer(["", b"\xff", "<pad> <mask>"])
    assert found.dtype == tf.int32 and min(found.flat_values.numpy()) > 4
    assert tokenizer(tf.constant([], tf.string)).shape[0] == 0


@pytest.mark.parametrize(
    "text", ["don't  stop", "我用keras 3，好吗", "é👍🏽 a"]
)
def test_tokens_are_text_again(tokenizer, text):
    (ids,) = tokenizer([text]).to_list()
    assert tokenizer.text_of([0, *ids, 3]) == text
    pieces = token_pieces(tokenizer, ids, text)
    assert len(pieces) == len(ids) and "".join(pieces) == text


def test_a_tagged_word_begins_with_its_space(tokenizer):
    words = words_encoder(tokenizer)(tf.constant(["call home"]))
    whole = tokenizer(tf.constant([" call home"])).numpy()[0]
    first = int(words.numpy()[0][1])
    assert words.shape[1] is None and len(words.numpy()[0]) == 2
    assert tokenizer.vocabulary[first].startswith("Ġ")
    assert first in whole


def test_a_letter_comes_with_its_last_byte(tokenizer):
    text = "a 🂡\ufffd "
    (ids,) = tokenizer([text]).to_list()
    pieces = token_pieces(tokenizer, ids, text)
    assert "".join(pieces) == text and "🂡" in pieces
    # a text may be cut off within a letter
    cut = token_pieces(tokenizer, ids[:-4], text)
    assert len(cut) == len(ids) - 4 and "".join(cut)[:3] in text


def test_its_file_gives_a_client_what_the_model_takes(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]
    client = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    texts = ["what is my balance", "", "to be " * 20, "<s>"]
    given = np.array([one.ids for one in client.encode_batch(texts)])
    np.testing.assert_array_equal(given, ids_of(tf.constant(texts), tokenizer))
    assert given.shape == (4, 12)

    loaded = Tokenizer.load(tmp_path)
    for name in ("setting", "vocabulary", "sequence_length", "size"):
        assert getattr(loaded, name) == getattr(tokenizer, name)
    assert json.loads(loaded.rules) == json.loads(tokenizer.rules)
    assert loaded(texts).to_list() == tokenizer(texts).to_list()


@pytest.mark.parametrize(
    "changes",
    [
        {"truncation": None},
        {"truncation": {"max_length": 0}},
        {"truncation": {"max_length": True}},
        {"padding": None},
        {"padding": {"pad_id": 1}},
        {"added_tokens": [{"id": 7, "content": "new"}]},
        {"added_tokens": None},
        {"model": {"type": "BPE", "vocab": {"a": 0}}},
        {"model": {"type": "BPE", "vocab": 3}},
        {"model": []},
    ],
    ids=str,
)
def test_damaged_files_are_errors(tokenizer, tmp_path, changes):
    tokenizer.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes))
    with pytest.raises(UserError, match=r"must hold the rules of a") as caught:
        Tokenizer.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_rules_that_the_package_cannot_read():
    vocabulary = (*SPECIAL, "a")
    tokenizer = Tokenizer.given("bpe", vocabulary, 3, '{"model": 5}')
    with pytest.raises(UserError, match=r"cannot read the model's tok.*: save"):
        tokenizer(["a"])


def test_without_the_package(tokenizer, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    fresh = Tokenizer.given("bpe", tokenizer.vocabulary, 3, tokenizer.rules)
    with pytest.raises(UserError) as caught:
        fresh(["a"])
    assert str(caught.value) == (
        "The tokenizer of this model needs the package tokenizers, and it is "
        'not installed: pip install "keras_ptft[text]".'
    )
