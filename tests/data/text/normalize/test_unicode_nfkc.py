"""Normalization and lower case, compared with Python's `unicodedata`."""

import random
import sys
import unicodedata

import pytest
import tensorflow as tf

from keras_ptft.data.text.normalize.clean import traced
from keras_ptft.data.text.normalize.unicode_nfkc import lower, nfkc

# a line feed takes part in nothing, so it separates what is tested
PART = "\n"


def applied(function, texts):
    return [text.decode() for text in function(tf.constant(texts)).numpy()]


def is_surrogate(code):
    return 0xD800 <= code < 0xE000


def every_code_point(change):
    """Each code point that Python knows, changed by itself, as one text."""
    codes = (c for c in range(sys.maxunicode + 1) if not is_surrogate(c))
    known = (c for c in map(chr, codes) if unicodedata.category(c) != "Cn")
    return PART.join(map(change, known))


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


def alphabets():
    """Characters that take part in composition, by what they do there."""
    every = [chr(code) for code in range(0x30000) if not is_surrogate(code)]
    apart = [character_pair(character) for character in every]
    return [
        # marks, and what else may be composed with the character before it
        [c for c in every if unicodedata.combining(c)],
        [pair[1] for pair in apart if pair],
        [pair[0] for pair in apart if pair],
        [c for c in every if unicodedata.normalize("NFKD", c) != c],
        # Hangul: letters that begin, continue and end a syllable, syllables
        [*map(chr, (*range(0x1100, 0x1113), *range(0x1161, 0x1176)))],
        [*map(chr, (*range(0x11A7, 0x11C4), *range(0xAC00, 0xAE00)))],
        ["a", "ẹ", " ", PART],
    ]


def character_pair(character):
    """The two characters that compose to this one, or ""."""
    codes = unicodedata.decomposition(character).split()
    is_pair = len(codes) == 2 and not codes[0].startswith("<")
    return "".join(chr(int(code, 16)) for code in codes) if is_pair else ""


def test_random_sequences_are_composed_as_python_composes_them():
    choice = random.Random(0).choices
    kinds = alphabets()
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
