"""Both parts of a text are there, and apart, after every tokenizer."""

import pytest
import tensorflow as tf

from keras_ptft.data.text.normalize.clean import clean
from keras_ptft.data.text.pairs import SEPARATOR, joined
from keras_ptft.data.text.tokenizers import TOKENIZERS


@pytest.mark.parametrize("name", ["words", "characters", "subwords", "jieba"])
@pytest.mark.parametrize("cleaned", [True, False])
def test_the_separator_is_a_token(name, cleaned):
    scheme = TOKENIZERS[name](clean=cleaned)
    texts = tf.constant([joined(["good cat", "bad dog"]), joined(["猫", "狗"])])
    found = [
        [word.decode() for word in words]
        for words in scheme.split(texts).to_list()
    ]
    assert found == [
        ["good", "cat", SEPARATOR, "bad", "dog"],
        ["猫", SEPARATOR, "狗"],
    ]


def test_the_separator_is_a_token_among_single_characters():
    split = TOKENIZERS["characters"](all=True).split
    (found,) = split(tf.constant([joined(["ab", "c"])])).to_list()
    assert [c.decode() for c in found] == ["a", "b", " ", "␞", " ", "c"]


def test_parts_are_kept_in_order_and_may_be_empty():
    assert joined(["a", "", "b"]) == "a ␞  ␞ b"
    assert joined(["a", "b"]) != joined(["b", "a"])
    assert joined(["", "a"]) != joined(["a", ""])


def test_a_single_text_is_as_it_was():
    for text in ("", "a <b", "a ␞ b"):
        assert joined([text]) == text


def test_a_part_cannot_have_the_separator():
    assert joined(["a␞b", "c"]) == "a b ␞ c"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x <b", "y > 3"),
        ("x &lt;b", "y &gt; 3"),
        ("x &#60;b", "y > 3"),
        ("x &LT;b", "y > 3"),
        ("x <!-- b", "y --> 3"),
        ("<i>x</i> <b", "y > 3"),
    ],
)
def test_cleaning_takes_no_tag_across_parts(first, second):
    text = clean(tf.constant([joined([first, second])])).numpy()[0].decode()
    before, after = text.split(f" {SEPARATOR} ")
    assert before.startswith("x") and "b" in before
    assert after.startswith("y") and after.endswith("3")


def test_tags_within_a_part_are_removed_as_ever():
    texts = tf.constant([joined(["<p>a</p>", "&lt;b&gt;c"])])
    assert clean(texts).numpy()[0].decode() == "a ␞ c"
