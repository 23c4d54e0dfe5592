"""Cleaning: markup, letters of every script, and what differs by locale."""

import html
import html.entities
import random
import re
import sys
import unicodedata

import pytest
import tensorflow as tf

from keras_ptft.data.text.normalize.clean import clean, prepared, traced, valid
from keras_ptft.data.text.normalize.composition import _followers, _pairs
from keras_ptft.data.text.normalize.html_entities import unescape
from keras_ptft.data.text.normalize.unicode_nfkc import (
    _decompositions,
    lower,
    nfkc,
)

# a line feed takes part in nothing, so it parts what is tested
PART = "\n"


def applied(function, texts):
    return [text.decode() for text in function(tf.constant(texts)).numpy()]


def every_code_point(change):
    """Each code point of Unicode, changed by itself, as one text."""
    surrogates = range(0xD800, 0xE000)
    codes = (c for c in range(sys.maxunicode + 1) if c not in surrogates)
    return PART.join(change(chr(code)) for code in codes)


@pytest.mark.parametrize(
    "ours, theirs",
    [
        (nfkc, lambda text: unicodedata.normalize("NFKC", text)),
        (lower, str.lower),
    ],
    ids=["nfkc", "lower"],
)
def test_every_code_point_is_changed_as_python_changes_it(ours, theirs):
    texts = every_code_point(str).split(PART * 2)
    found = [text for one in texts for text in applied(traced(ours), [one])]
    assert (PART * 2).join(found) == every_code_point(theirs)


def test_random_sequences_are_composed_as_python_composes_them():
    choice = random.Random(0).choices
    kinds = [
        [*map(chr, _followers()[0])],
        [*map(chr, _pairs()[0] // 2**21)],
        [*map(chr, _decompositions()[0])],
        # Hangul: letters that begin, go on and end a syllable, and syllables
        [*map(chr, (*range(0x1100, 0x1113), *range(0x1161, 0x1176)))],
        [*map(chr, (*range(0x11A7, 0x11C4), *range(0xAC00, 0xAE00)))],
        ["a", "ẹ", " ", PART],
    ]
    texts = [
        "".join(choice(kind)[0] for kind in choice(kinds, k=length % 13))
        for length in range(30_000)
    ]
    expected = [unicodedata.normalize("NFKC", text) for text in texts]
    assert applied(traced(nfkc), texts) == expected


def test_marks_beyond_the_31st_are_ordered_but_not_composed():
    thirty_one = "a" + "\u0316" * 30 + "\u0301"
    assert applied(nfkc, [thirty_one])[0][0] == "á"
    more = "a" + "\u0316" * 31 + "\u0301"
    assert applied(nfkc, [more]) == [unicodedata.normalize("NFKD", more)]


def test_lower_case_keeps_to_letters():
    assert applied(lower, ["ΟΔΟΣ İ Straße\x00I"]) == ["οδοσ i̇ straße\x00i"]


def test_every_named_entity_is_read_as_python_reads_it():
    names = [name for name in html.entities.html5 if name.endswith(";")]
    assert len(names) > 2000
    texts = [f"x&{name}y" for name in names]
    assert applied(unescape, texts) == [html.unescape(text) for text in texts]


@pytest.mark.parametrize("form", ["&#{:d};", "&#x{:x};", "&#X{:06X};"])
def test_numbered_entities_are_read_as_python_reads_them(form):
    # Python drops controls and what is no character
    codes = [9, 10, 34, 65, 130, 133, 146, 159, 160, 0x4E2D, 0x1F600, 0x10FFFD]
    texts = [form.format(code) for code in (*codes, 0, 0xD800, 0x110000)]
    assert applied(unescape, texts) == [html.unescape(text) for text in texts]


@pytest.mark.parametrize("text", ["AT&T", "a && b;", "&bogus;", "&#12345678;"])
def test_what_is_no_entity_stays(text):
    assert applied(unescape, [text]) == [text]


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
        "👩\u200d👩\u200d👧 ❤\ufe0f 🇨🇳 👍🏽",
        "\U0001f3f4\U000e0067\U000e0062\U000e007f",
        "𠮷野家",
    ],
)
def test_letters_of_every_script_stay(text):
    kept = applied(prepared, [text])[0]
    assert kept == unicodedata.normalize("NFKC", text)
    # a well-known recipe would not pass
    assert re.sub("[^a-z]", "", text) != kept


def test_bytes_that_are_no_utf8_are_replaced():
    texts = [b"ab\xff\xc3", b"\xed\xa0\x80!", "中".encode()]
    found = valid(tf.constant(texts)).numpy()
    expected = [b"ab" + "\ufffd".encode() * 2, None, texts[2]]
    assert [found[0], None, found[2]] == expected
    assert re.fullmatch("\ufffd+!", found[1].decode())


def test_what_is_asked_for_is_done():
    text = "<b>Ａ</b>\n"
    for cleaned, lowered, expected in [
        (True, True, "a"),
        (True, False, "A"),
        (False, True, "<b>ａ</b>\n"),
        (False, False, text),
    ]:
        found = prepared(tf.constant([text]), cleaned=cleaned, lowered=lowered)
        assert found.numpy()[0].decode() == expected


@pytest.mark.parametrize(
    "text", ["<script>" * 12_500, "&" * 100_000, "a\u0301\u0323" * 33_333]
)
def test_long_strange_text_is_no_trouble(text):
    found = applied(prepared, [text, "", "next"])
    assert found[1:] == ["", "next"]


def test_no_texts_give_none():
    assert prepared(tf.constant([], tf.string)).shape == (0,)


def test_it_is_the_same_in_a_pipeline():
    texts = tf.constant(["<b>Ａ</b> 中", "plain", "ÀÉ &amp; e\u0301"])
    (piped,) = tf.data.Dataset.from_tensors(texts).map(prepared)
    assert piped.numpy().tolist() == prepared(texts).numpy().tolist()
    assert [t.decode() for t in piped.numpy()] == ["a 中", "plain", "àé & é"]
