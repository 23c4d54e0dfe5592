"""Learns the vocabulary of a tokenizer from texts."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.data.text.tokenizers.tokenizer import TOKENIZERS, Tokenizer
from keras_ptft.data.text.tokenizers.vocabulary import (
    SPECIAL,
    UNKNOWN,
    most_common,
)
from keras_ptft.errors import UserError, check_range
from keras_ptft.registry import lookup

TextBatches = Callable[[], Iterable[tf.Tensor]]
"""Returns batches of strings of shape (batch,), from the start each time."""

_Counts = tuple[Counter[str], Counter[int]]
_COVERED = 0.95


def learn(setting: str, texts: TextBatches, sequence_length: int) -> Tokenizer:
    """Learns a vocabulary, the most frequent tokens first.

    Memory holds the distinct words, not the texts. The texts are read once,
    or twice where words are cut into pieces.

    Args:
        setting: a row of TOKENIZERS with its settings.
        texts: returns the texts in batches.
        sequence_length: most tokens of a text that are used; 0: as many as
            95 % of the texts have.

    Returns:
        The tokenizer.

    Raises:
        UserError: an unknown tokenizer or setting, one that does not learn,
            a missing package, or texts without any words.

    Example:

    >>> tokenizer = learn("words", lambda: [tf.constant(["To be, or"])], 0)
    >>> tokenizer.vocabulary[4:], tokenizer.sequence_length
    ((',', 'be', 'or', 'to'), 4)
    """
    check_range("sequence_length", sequence_length, 0)
    scheme = lookup(TOKENIZERS, setting, "tokenizer")()
    if scheme.given:
        raise UserError(
            f"--tokenizer={setting} takes its vocabulary from a known model, "
            "and learns none of texts: name a model by --init_from, or use "
            "--tokenizer=subwords."
        )
    words, lengths = _count_words(scheme, texts)
    if not words:
        raise UserError(
            "The training texts must have a word, got "
            f"{sum(lengths.values())} texts without any: add data."
        )
    if scheme.pieces:
        pieces = sorted(scheme.pieces(words))
        words, lengths = _count_pieces(setting, pieces, texts)
    longest = sequence_length or _percentile(lengths)
    return _make(setting, scheme, words, longest)


def _count_words(scheme: Scheme, texts: TextBatches) -> _Counts:
    """Counts each word, and each number of words per text."""
    words: Counter[bytes] = Counter()
    lengths: Counter[int] = Counter()
    for batch in texts():
        found = scheme.split(tf.constant(batch))
        words.update(_counts(found.flat_values))
        lengths.update(_counts(found.row_lengths()))
    return Counter({word.decode(): n for word, n in words.items()}), lengths


def _count_pieces(
    setting: str, pieces: Sequence[str], texts: TextBatches
) -> _Counts:
    """Counts each piece, even if 0 times, and each number per text."""
    names = (*SPECIAL, *pieces)
    counts = np.zeros(len(names), np.int64)
    tokenizer = Tokenizer(setting, names, counts, 1)
    lengths: Counter[int] = Counter()
    for batch in texts():
        found = tokenizer(batch)
        counts += np.bincount(found.flat_values, minlength=len(names))
        lengths.update(found.row_lengths().numpy().tolist())
    tokens = Counter(dict(zip(names, counts.tolist(), strict=True)))
    return tokens, lengths


def _make(
    setting: str, scheme: Scheme, words: Counter[str], longest: int
) -> Tokenizer:
    total = sum(words.values())
    tokens = Counter({w: n for w, n in words.items() if w not in SPECIAL})
    most = scheme.vocabulary_size - len(SPECIAL)
    # a piece that no text needs by itself may still be of use
    least = 0 if scheme.pieces else scheme.min_count
    kept = most_common(tokens, most, least)
    counts = np.array([0] * len(SPECIAL) + [tokens[t] for t in kept], np.int64)
    counts[UNKNOWN] = total - counts.sum()
    width = scheme.ngrams.width(words) if scheme.ngrams else 1
    return Tokenizer(setting, (*SPECIAL, *kept), counts, longest, width)


def _counts(values: tf.Tensor) -> dict:
    found = tf.unique_with_counts(values)
    pairs = zip(
        found.y.numpy().tolist(), found.count.numpy().tolist(), strict=True
    )
    return dict(pairs)


def _percentile(lengths: Counter[int]) -> int:
    values = np.array(sorted(lengths), np.int64)
    reached = np.cumsum([lengths[value] for value in values.tolist()])
    index = np.argmax(reached >= _COVERED * reached[-1])
    return max(int(values[index]), 1)
