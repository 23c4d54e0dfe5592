"""BERT's words beside those of the `tokenizers` package."""

import random
import sys
import unicodedata

import pytest
import tensorflow as tf
from tokenizers import normalizers, pre_tokenizers

from keras_ptft.data.text.normalize import bert, unicode_8
from keras_ptft.data.text.normalize.clean import traced


def ours(texts, lowered):
    function = traced(lambda texts: bert.bert_words(texts, lowered=lowered))
    found = function(tf.constant(texts)).to_list()
    return [[word.decode() for word in words] for words in found]


def theirs(texts, lowered):
    normalizer = normalizers.BertNormalizer(lowercase=lowered)
    splitter = pre_tokenizers.BertPreTokenizer()
    return [
        [
            word
            for word, _ in splitter.pre_tokenize_str(
                normalizer.normalize_str(text)
            )
        ]
        for text in texts
    ]


def characters():
    """Every character of Unicode, and every number that is none yet."""
    codes = range(sys.maxunicode + 1)
    return [chr(code) for code in codes if not 0xD800 <= code < 0xE000]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Où est-il? 北京大学!", "ou est - il ? 北 京 大 学 !"),
        ("it's $5\tor\u00a0€4", "it ' s $ 5 or €4"),
        ("a\u0000b\ufffdc\u200bd\u0085e", "abcde"),
        ("İSTANBUL ΟΔΟΣ Straße", "istanbul οδοσ straße"),
        ("한국어 カタカナ", "한국어 カタカナ"),
        ("हिन्दी", "हिनदी"),
        ("👍🏽 ❤\ufe0f", "👍🏽 ❤"),
        ("  \n ", ""),
    ],
)
def test_uncased_by_hand(text, expected):
    (found,) = ours([text], lowered=True)
    # letters of Hangul and Kana are left apart from their marks
    assert found == unicodedata.normalize("NFD", expected).split()


def test_cased_keeps_capitals_and_accents():
    assert ours(["Où est É?"], lowered=False) == [["Où", "est", "É", "?"]]


def test_bytes_that_are_no_text_are_removed():
    assert ours([b"a\xffb \xc3( \xed\xa0\x80"], lowered=True) == [
        ["ab", "("],
    ]


@pytest.mark.slow
@pytest.mark.parametrize("lowered", [True, False])
def test_every_character_is_what_the_package_has(lowered):
    parts = [f"a{character}b {character} " for character in characters()]
    texts = ["".join(parts[i : i + 500]) for i in range(0, len(parts), 500)]
    found, expected = ours(texts, lowered), theirs(texts, lowered)
    assert found == expected


@pytest.mark.slow
def test_random_sequences_of_what_changes_others_are_the_package_s():
    every = characters()
    late = [c for codes in bert._CLASSES.values() for c in members(codes)]
    kinds = [
        [c for c in every if unicodedata.combining(c)],
        late,
        members(unicode_8.MARKS),
        [c for c in every if unicodedata.normalize("NFD", c) != c],
        [c for codes in bert._CAPITALS for c in members(codes)],
        ["a", "B", " ", "-", "北"],
    ]
    choice = random.Random(0).choices
    texts = [
        "".join(choice(kind)[0] for kind in choice(kinds, k=length % 17))
        for length in range(20_000)
    ]
    assert ours(texts, lowered=True) == theirs(texts, lowered=True)


def members(ranges):
    return [chr(code) for code in unicode_8.members(ranges)]
