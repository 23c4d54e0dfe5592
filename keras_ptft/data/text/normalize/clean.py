"""Clean text, by one definition for training and for serving.

All of it is core TensorFlow operations: what prepares the training data is
the very graph that an export holds, and TensorFlow Serving runs it as it is.
Letters of every script stay.
"""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_ptft.data.text.normalize.html_entities import unescape
from keras_ptft.data.text.normalize.unicode_nfkc import (
    is_ascii,
    lower,
    nfkc,
    where,
)

# `<b>`, `</p>`, `<br/>`, `<a href="...">`, `<!-- -->`, `<?xml ?>`, but
# neither `a < b > c` nor `<me@example.org>`
_TAG = r"</?[A-Za-z][\w:-]*(?:\s[^<>]*|/)?>|<[!?][^<>]*>"
# without width or a meaning of their own: soft hyphens, marks of direction
# and order. Joiners stay: emoji, Persian and Indic scripts are spelt with
# them.
_INVISIBLE = (
    r"[\x{ad}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2060}-\x{206f}"
    r"\x{feff}\x{fff9}-\x{fffb}]"
)
_BLANK = r"[\s\p{Z}\p{Cc}\x{200b}]+"


def valid(texts: tf.Tensor) -> tf.Tensor:
    """Strings as UTF-8, with U+FFFD in place of each byte that is none.

    Args:
        texts: strings of any bytes, of shape (batch,).

    Returns:
        strings of shape (batch,).
    """
    return tf.strings.unicode_transcode(
        texts, "UTF-8", "UTF-8", errors="replace"
    )


def clean(texts: tf.Tensor) -> tf.Tensor:
    """Text without markup, controls and ways of writing the same thing.

    In turn: entities of HTML become characters, tags a space (what stands
    between tags stays); Unicode NFKC; invisible marks go; control
    characters and white space become one space, none at the ends.

    Args:
        texts: UTF-8 strings of shape (batch,).

    Returns:
        strings of shape (batch,).

    Example:

    >>> texts = tf.constant(["<p>Ａ&nbsp;中文，\tno</p> 1 < 2"])
    >>> clean(texts).numpy()[0].decode()
    'A 中文, no 1 < 2'
    """
    texts = tf.strings.regex_replace(unescape(texts), _TAG, " ")
    texts = nfkc(texts)
    texts = where(~is_ascii(texts), texts, _visible)
    return tf.strings.strip(tf.strings.regex_replace(texts, _BLANK, " "))


def prepared(
    texts: tf.Tensor, *, cleaned: bool = True, lowered: bool = True
) -> tf.Tensor:
    """Any strings as valid UTF-8, clean and in lower case where asked for.

    Args:
        texts: strings of any bytes, of shape (batch,).
        cleaned: see `clean`.
        lowered: see `letters.lower`.

    Returns:
        strings of shape (batch,).
    """
    texts = tf.convert_to_tensor(texts, tf.string)
    return _graph(cleaned, lowered)(texts)


def traced(function: Callable[[tf.Tensor], Any]) -> Callable[..., Any]:
    """A function of strings of shape (batch,) as a graph, traced once."""
    with tf.init_scope():
        graph = tf.function(function, autograph=False)
        return graph.get_concrete_function(tf.TensorSpec([None], tf.string))


@functools.cache
def _graph(cleaned: bool, lowered: bool) -> Callable[[tf.Tensor], tf.Tensor]:
    def prepare(texts: tf.Tensor) -> tf.Tensor:
        texts = valid(texts)
        if cleaned:
            texts = clean(texts)
        return lower(texts) if lowered else texts

    return traced(prepare)


def _visible(texts: tf.Tensor) -> tf.Tensor:
    return tf.strings.regex_replace(texts, _INVISIBLE, "")
