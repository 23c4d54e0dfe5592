"""Tokens as they stand in their text."""

import pytest

from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.explanation.pieces import token_pieces
from tests.explanation.models import texts

KNOWN = "[PAD]", "[UNK]", "[MASK]", "[END]", "un", "##able", "to", "able"
WORDPIECE = Tokenizer.given("wordpiece", KNOWN, 8)


def pieces(tokenizer, text):
    (ids,) = tokenizer([text]).to_list()
    return token_pieces(tokenizer, ids, text)


def test_words_are_joined_by_spaces():
    tokenizer = texts().tokenizer
    assert pieces(tokenizer, "The rain falls") == ["the", " rain", " falls"]


def test_words_that_are_unknown_are_read_from_the_text():
    tokenizer = texts().tokenizer
    found = pieces(tokenizer, "the zebra, and rain")
    assert found == ["the", " zebra", " ,", " and", " rain"]


@pytest.mark.slow
def test_characters_without_spaces_have_none():
    given = ("我用 keras 3", "下雨 了", "a", "b")
    tokenizer = texts(*given, setting="characters").tokenizer
    assert pieces(tokenizer, given[0]) == ["我", "用", "keras", " 3"]
    assert pieces(tokenizer, "雪 rain") == ["雪", "rain"]


def test_pieces_of_words_stay_together():
    assert pieces(WORDPIECE, "Unable  to") == ["un", "able", " to"]


def test_unknown_pieces_are_marked():
    assert pieces(WORDPIECE, "to zebra to") == ["to", " \ufffd", " to"]


def test_a_text_is_cut_off_where_its_tokens_are():
    tokenizer = texts().tokenizer
    ids = tokenizer(["the rain falls"]).to_list()[0][:2]
    assert token_pieces(tokenizer, ids, "the rain falls") == ["the", " rain"]
