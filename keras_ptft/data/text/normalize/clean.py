"""Clean text, by one definition for training and for serving.

All of it is core TensorFlow operations: the graph that prepares the training
data is the one that an export holds, and TensorFlow Serving runs it as it is.
Letters of every script stay.
"""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_ptft.data.text.normalize.code_points import change_some, is_ascii
from keras_ptft.data.text.normalize.html_entities import unescape
from keras_ptft.data.text.normalize.unicode_nfkc import lower, nfkc

# `<b>`, `</p>`, `<br/>`, `<a href="...">`, `<!-- -->`, `<?xml ?>`, but
# neither `a < b > c` nor `<me@example.org>`
_TAG = r"</?[A-Za-z][\w:-]*(?:\s[^<>]*|/)?>|<[!?][^<>]*>"
# without width or meaning: soft hyphens, marks of direction and order, and
# selectors of variants, which a heart may have or not.
# Joiners stay: emoji, Persian and Indic scripts need them.
_INVISIBLE = (
    r"[\x{ad}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2060}-\x{206f}"
    r"\x{fe00}-\x{fe0f}\x{feff}\x{fff9}-\x{fffb}\x{e0100}-\x{e01ef}]"
)
_BLANK = r"[\s\p{Z}\p{Cc}\x{200b}]+"


def to_utf8(texts: tf.Tensor) -> tf.Tensor:
    """Replaces each byte that is not UTF-8 by U+FFFD.

    Args:
        texts: strings of any bytes, of shape (batch,).

    Returns:
        Strings of shape (batch,).
    """
    return tf.strings.unicode_transcode(
        texts, "UTF-8", "UTF-8", errors="replace"
    )


def clean(texts: tf.Tensor) -> tf.Tensor:
    """Removes markup, control characters and variants of spelling.

    In turn: HTML entities become characters, tags become a space (the text
    between tags stays); Unicode NFKC; invisible marks are removed; control
    characters and white space become one space, none at the ends.

    Args:
        texts: UTF-8 strings of shape (batch,).

    Returns:
        Strings of shape (batch,).

    Example:

    >>> texts = tf.constant(["<p>Ａ&nbsp;中文，\tno</p> 1 < 2"])
    >>> clean(texts).numpy()[0].decode()
    'A 中文, no 1 < 2'
    """
    texts = tf.strings.regex_replace(unescape(texts), _TAG, " ")
    texts = nfkc(texts)
    texts = change_some(~is_ascii(texts), texts, _visible)
    return tf.strings.strip(tf.strings.regex_replace(texts, _BLANK, " "))


def normalize(
    texts: tf.Tensor, *, cleaned: bool = True, lowered: bool = True
) -> tf.Tensor:
    """Makes any strings valid UTF-8, and cleans and lowers them if wanted.

    Args:
        texts: strings of any bytes, of shape (batch,).
        cleaned: apply `clean`.
        lowered: convert to lower case, whatever the locale.

    Returns:
        Strings of shape (batch,).
    """
    texts = tf.convert_to_tensor(texts, tf.string)
    return _graph(cleaned, lowered)(texts)


def traced(function: Callable[[tf.Tensor], Any]) -> Callable[..., Any]:
    """Traces a function of strings of shape (batch,), once."""
    with tf.init_scope():
        graph = tf.function(function, autograph=False)
        return graph.get_concrete_function(tf.TensorSpec([None], tf.string))


@functools.cache
def _graph(cleaned: bool, lowered: bool) -> Callable[[tf.Tensor], tf.Tensor]:
    def prepare(texts: tf.Tensor) -> tf.Tensor:
        texts = to_utf8(texts)
        if cleaned:
            texts = clean(texts)
        return lower(texts) if lowered else texts

    return traced(prepare)


def _visible(texts: tf.Tensor) -> tf.Tensor:
    return tf.strings.regex_replace(texts, _INVISIBLE, "")
