"""HTML entities, compared with Python's `html`."""

import html
import html.entities

import pytest
import tensorflow as tf

from keras_ptft.data.text.normalize.html_entities import unescape


def applied(function, texts):
    return [text.decode() for text in function(tf.constant(texts)).numpy()]


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
