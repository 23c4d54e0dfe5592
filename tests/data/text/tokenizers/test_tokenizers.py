"""What each row of the table makes of texts of many scripts."""

import functools
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.text.tokenizers import (
    END,
    MASK,
    PAD,
    SPECIAL,
    TOKENIZERS,
    UNKNOWN,
    Tokenizer,
    learn,
)
from keras_ptft.errors import UserError
from keras_ptft.registry import lookup, settings

CASES = {
    "words": "words",
    "words with n-grams": "words(ngrams=(3, 5))",
    "characters": "characters",
    "every character": "characters(all=True, clean=False, lower=False)",
    "subwords": "subwords(vocabulary_size=200)",
    "jieba": "jieba",
    "wordpiece": "wordpiece",
}
PIECES = (*SPECIAL, "the", "cat", "to", "be", "or", "not", "我", "用", ",")
TEXTS = [
    "The cat's on the mat, isn't it?",
    "我来到北京清华大学",
    "हिन्दी में पढ़ना",
    "เรียนรู้",
    "",
    "👩\u200d👩\u200d👧!",
    "To be,\n or not",
    "我用keras 3，好吗",
]
every_row = pytest.mark.parametrize("setting", CASES.values(), ids=CASES)


def split(setting, text):
    """The words that a row splits a text into."""
    found = lookup(TOKENIZERS, setting, "tokenizer")().split(
        tf.constant([text])
    )
    return [word.decode() for word in found.flat_values.numpy()]


@functools.cache
def learned(setting):
    if setting == "wordpiece":
        return Tokenizer.given(setting, PIECES, 12)
    return learn(setting, lambda: [tf.constant(TEXTS)], 0)


def test_every_row_has_a_case():
    rows = {setting.partition("(")[0] for setting in CASES.values()}
    assert rows == set(TOKENIZERS)


@pytest.mark.parametrize("row", sorted(set(TOKENIZERS) - {"wordpiece"}))
def test_rows_that_learn_share_their_settings(row):
    names = ["lower", "clean", "vocabulary_size", "min_count"]
    assert list(settings(TOKENIZERS[row]))[:4] == names


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Don't stop: it’s 3.5!!", "don't|stop|:|it’s|3|.|5|!|!"),
        ("'quoted' rock'n'roll x_y", "'|quoted|'|rock'n'roll|x|_|y"),
        ("हिन्दी में", "हिन्दी|में"),
        ("أحب التعلّم", "أحب|التعلّم"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a👍🏽b ❤\ufe0f🇨🇳🇩🇪", "a|👍🏽|b|❤|🇨🇳|🇩🇪"),
        ("👩\u200d👩\u200d👧👧", "👩\u200d👩\u200d👧|👧"),
        ("naïve café №5", "naïve|café|no5"),
        ("北京 大学", "北京|大学"),
    ],
)
def test_words(text, expected):
    assert split("words", text) == expected.split("|")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("我用Keras3学习，真好", "我|用|keras3|学|习|,|真|好"),
        ("2019年的GPT", "2019|年|的|gpt"),
        ("ラーメンが好き", "ラ|ー|メ|ン|が|好|き"),
        ("딥러닝 좋아", "딥|러|닝|좋|아"),
        ("เรียนรู้", "เ|รี|ย|น|รู้"),
        ("हिन्दी abc", "हिन्दी|abc"),
        ("𠮷野家々", "𠮷|野|家|々"),
    ],
)
def test_characters(text, expected):
    assert split("characters", text) == expected.split("|")


def test_every_character_of_raw_text():
    text = "A b\n\n中<i>\x00\t👍🏽 "
    setting = "characters(all=True, clean=False, lower=False)"
    assert split(setting, text) == list(text)
    assert split("characters(all=True)", text) == list("a b 中 👍🏽")


def test_jieba_finds_words():
    found = split("jieba", "我来到北京清华大学, Hello")
    assert found == ["我", "来到", "北京", "清华大学", ",", "hello"]


@every_row
def test_ids_of_any_text(setting):
    tokenizer = learned(setting)
    odd = [
        *TEXTS,
        "\x00",
        b"\xff\xfe",
        "未知 unseen",
        "x" * 20_000,
        "中" * 20_000,
    ]
    found = tokenizer(tf.constant(odd))
    assert found.dtype == tf.int32
    expected = (len(odd), None) + (tokenizer.width,) * (tokenizer.width > 1)
    assert tuple(found.shape) == expected
    ids = found.flat_values.numpy()
    assert (ids >= (tokenizer.width == 1)).all() and (
        ids < tokenizer.size
    ).all()
    assert found.row_lengths()[4] == 0
    assert tokenizer(tf.constant([], tf.string)).nrows() == 0
    # a batch of one gives what a batch of many gives
    for number in (0, 1, 6, 8):
        alone = tokenizer(tf.constant(odd[number : number + 1]))[0]
        np.testing.assert_array_equal(alone, found[number])


@every_row
def test_it_is_the_same_in_a_pipeline(setting):
    tokenizer = learned(setting)
    if tokenizer.in_graph:
        data = tf.data.Dataset.from_tensors(tf.constant(TEXTS))
        (piped,) = data.map(tokenizer)
        assert piped.to_list() == tokenizer(TEXTS).to_list()


def test_jieba_cannot_run_in_a_graph():
    tokenizer = learned("jieba")
    assert not tokenizer.in_graph
    with pytest.raises(UserError, match="got those of a graph, where it canno"):
        tf.function(tokenizer, autograph=False)(tf.constant(TEXTS))


@every_row
def test_a_text_never_gives_a_special_token(setting):
    texts = [*SPECIAL, *map(str.lower, SPECIAL), "[PAD][END]"]
    ids = learned(setting)(texts).flat_values.numpy()
    first = ids if ids.ndim == 1 else ids[:, 0]
    assert not {PAD, MASK, END} & set(first.tolist())


@pytest.mark.parametrize(
    "setting, text, expected",
    [
        ("words", "To be,\n or not", "to be , or not"),
        ("characters", "我用keras 3，好吗", "我用keras 3 ,好吗"),
        ("every character", "To be,\n or not", "To be,\n or not"),
        ("subwords", "我用keras not", "我用keras not"),
        ("jieba", "我来到北京清华大学", "我来到北京清华大学"),
        ("wordpiece", "To be,\n or NÓT", "to be , or not"),
    ],
)
def test_ids_are_read_back(setting, text, expected):
    tokenizer = learned(CASES[setting])
    ids = tokenizer([text])[0].numpy().tolist()
    assert tokenizer.text_of([*ids, END, PAD, PAD]) == expected
    assert tokenizer.text_of([UNKNOWN]) == "\ufffd"


@pytest.mark.parametrize(
    "setting, message",
    [
        (
            "word",
            "Unknown tokenizer 'word' (did you mean \"words\"?); there are: "
            "characters, jieba, subwords, wordpiece, words.",
        ),
        (
            "words(vocabulary_size=4)",
            "Setting 'vocabulary_size' must be at least 5, got 4.",
        ),
        (
            "characters(min_count=0)",
            "Setting 'min_count' must be at least 1, got 0.",
        ),
        (
            "words(ngrams=(5, 3))",
            "Setting 'ngrams' must be the least and the most characters from "
            "1 to 8, as (3, 5), got (5, 3).",
        ),
        (
            "words(ngrams=(3, 5), buckets=0)",
            "Setting 'buckets' must be at least 1, got 0.",
        ),
    ],
)
def test_wrong_settings_are_errors(setting, message):
    with pytest.raises(UserError) as caught:
        learn(setting, lambda: [tf.constant(["a"])], 0)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "setting, package, line",
    [
        ("subwords", "tokenizers", 'pip install "keras_ptft[text]"'),
        ("jieba", "jieba", 'pip install "keras_ptft[zh]"'),
    ],
)
def test_a_missing_package_is_an_error(monkeypatch, setting, package, line):
    # what Python keeps for a module that cannot be imported
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=f"package {package}") as caught:
        learn(setting, lambda: [tf.constant(["a b"])], 0)
    assert line in str(caught.value)
