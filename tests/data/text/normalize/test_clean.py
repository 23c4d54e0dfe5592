"""Cleaning: markup, letters of every script, and bytes that are no text."""

import re
import unicodedata

import pytest
import tensorflow as tf

from keras_ptft.data.text.normalize.clean import clean, normalize, to_utf8


def applied(function, texts):
    return [text.decode() for text in function(tf.constant(texts)).numpy()]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("<p class='a'>one<br/>two</p>", "one two"),
        ("&lt;b&gt;AG&lt;/b&gt; &amp; news&#39;s", "AG & news's"),
        ("<!-- no --><!DOCTYPE html><?xml version='1'?>yes", "yes"),
        ("a < b, c > d, <3, <me@example.org>", "a < b, c > d, <3,"
         " <me@example.org>"),
        ("tab\tline\nNUL\x00bell\x07\u2028\u3000end ", "tab line NUL bell end"),
        ("so\u00adft \ufeff\u200eleft zero\u200bwidth", "soft left zero width"),
        ("❤\ufe0f ❤ ❤\ufe0e 1\ufe0f\u20e3 葛\U000e0100", "❤ ❤ ❤ 1\u20e3 葛"),
        ("Ｆｕｌｌ ﬁne ①½ ㎏ e\u0301", "Full fine 11⁄2 kg é"),
        ("", ""),
        (" \n ", ""),
    ],
)  # fmt: skip
def test_cleaning_takes_out_markup_and_controls(text, expected):
    assert applied(clean, [text]) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "我喜欢深度学习。",
        "深い学習が好きです",
        "나는 딥러닝을 좋아해",
        "أحب التعلّم العميق",
        "मुझे हिन्दी पसंद है",
        "ฉันชอบเรียนรู้",
        "می\u200cخواهم",
        "мне нравится ёлка й",
        "👩\u200d👩\u200d👧 ❤ 🇨🇳 👍🏽",
        "\U0001f3f4\U000e0067\U000e0062\U000e007f",
        "𠮷野家",
    ],
)
def test_letters_of_every_script_stay(text):
    kept = applied(normalize, [text])[0]
    assert kept == unicodedata.normalize("NFKC", text)
    # a well-known recipe would not pass
    assert re.sub("[^a-z]", "", text) != kept


def test_bytes_that_are_no_utf8_are_replaced():
    texts = [b"ab\xff\xc3", b"\xed\xa0\x80!", "中".encode()]
    found = to_utf8(tf.constant(texts)).numpy()
    expected = [b"ab" + "\ufffd".encode() * 2, None, texts[2]]
    assert [found[0], None, found[2]] == expected
    assert re.fullmatch("\ufffd+!", found[1].decode())


def test_cleaning_and_lower_case_can_be_left_out():
    text = "<b>Ａ</b>\n"
    for cleaned, lowered, expected in [
        (True, True, "a"),
        (True, False, "A"),
        (False, True, "<b>ａ</b>\n"),
        (False, False, text),
    ]:
        found = normalize(tf.constant([text]), cleaned=cleaned, lowered=lowered)
        assert found.numpy()[0].decode() == expected


@pytest.mark.parametrize(
    "text", ["<script>" * 12_500, "&" * 100_000, "a\u0301\u0323" * 33_333]
)
def test_long_strange_text_is_no_trouble(text):
    found = applied(normalize, [text, "", "next"])
    assert found[1:] == ["", "next"]


def test_no_texts_give_none():
    assert normalize(tf.constant([], tf.string)).shape == (0,)


def test_it_is_the_same_in_a_pipeline():
    texts = tf.constant(["<b>Ａ</b> 中", "plain", "ÀÉ &amp; e\u0301"])
    (piped,) = tf.data.Dataset.from_tensors(texts).map(normalize)
    assert piped.numpy().tolist() == normalize(texts).numpy().tolist()
    assert [t.decode() for t in piped.numpy()] == ["a 中", "plain", "àé & é"]
