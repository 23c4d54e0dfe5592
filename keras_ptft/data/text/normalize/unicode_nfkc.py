"""Unicode normalization and lower case, by core TensorFlow operations.

tensorflow_text.normalize_utf8 is 60 times faster, but the plain TensorFlow C
API, which is TensorFlow Serving's loader, and OpenVINO cannot load its
operations: a portable export matters more than that speed.

Core TensorFlow has no normalization, and its lower case depends on the locale
of the process: `LC_ALL=tr_TR.UTF-8` turns I into ı. Here both use tables of
Python's `unicodedata` that become constants of the graph, so training and
serving agree.
"""

import functools
import unicodedata

import tensorflow as tf

from keras_ptft.data.text.normalize.code_points import (
    CODES,
    Codes,
    Table,
    change_some,
    expand,
    is_ascii,
    on_codes,
    table,
)
from keras_ptft.data.text.normalize.composition import (
    combining_classes,
    compose,
    reorder,
)

_HANGUL = range(0xAC00, 0xD7A4)


def nfkc(texts: tf.Tensor) -> tf.Tensor:
    """Applies Unicode's compatibility composition, NFKC (UAX #15).

    Equals `unicodedata.normalize("NFKC", text)`, except that nothing is
    composed behind more than 31 combining characters in a row.

    Args:
        texts: UTF-8 strings of shape (batch,).

    Returns:
        Strings of shape (batch,).

    Example:

    >>> nfkc(tf.constant(["ﬁ Ａ e\u0301"])).numpy()[0].decode()
    'fi A é'
    """

    def normalize(codes: tf.Tensor, rows: tf.Tensor) -> Codes:
        codes, rows = expand(codes, rows, _decompositions())
        codes = reorder(codes, rows, combining_classes(codes))
        return compose(codes, rows)

    return change_some(~is_ascii(texts), texts, on_codes(normalize))


def lower(texts: tf.Tensor) -> tf.Tensor:
    """Converts to lower case, letter by letter, whatever the locale.

    Applies `str.lower` to each character: Σ becomes σ at a word's end too.

    Args:
        texts: UTF-8 strings of shape (batch,).

    Returns:
        Strings of shape (batch,).

    Example:

    >>> lower(tf.constant(["ÀB"])).numpy()[0].decode()
    'àb'
    """

    def lower_codes(codes: tf.Tensor, rows: tf.Tensor) -> Codes:
        return expand(codes, rows, _lower_cases())

    # without an encoding this is A to Z only, in any locale
    texts = tf.strings.lower(texts)
    return change_some(~is_ascii(texts), texts, on_codes(lower_codes))


@functools.cache
def _decompositions() -> Table:
    # Hangul syllables are composed whether or not they were decomposed
    codes = (c for c in CODES if c not in _HANGUL)
    return table(codes, functools.partial(unicodedata.normalize, "NFKD"))


@functools.cache
def _lower_cases() -> Table:
    return table(CODES, str.lower)
