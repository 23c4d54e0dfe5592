"""A tokenizer learned from texts."""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.data.text.tokenizers.table import TOKENIZERS
from keras_ptft.data.text.tokenizers.tokenizer import Tokenizer
from keras_ptft.data.text.tokenizers.vocabulary import (
    SPECIAL,
    UNKNOWN,
    most_common,
)
from keras_ptft.errors import UserError, check_range
from keras_ptft.registry import lookup

Texts = Callable[[], Iterator[tf.Tensor]]
_SHARE = 0.95


def learn(setting: str, texts: Texts, sequence_length: int) -> Tokenizer:
    """Learns a vocabulary, the most frequent tokens first.

    Memory holds the different words, not the texts. Where words are cut
    into pieces, the texts are read twice, else once.

    Args:
        setting: a row of TOKENIZERS with its settings.
        texts: gives batches of strings of shape (batch,), anew each time.
        sequence_length: most tokens of a text that are used; 0: as many as
            95 % of the texts have.

    Raises:
        UserError: an unknown tokenizer or setting, a package that it needs
            and is missing, or texts without any words.

    Example:

    >>> tokenizer = learn("words", lambda: [tf.constant(["To be, or"])], 0)
    >>> tokenizer.vocabulary[4:], tokenizer.sequence_length
    ((',', 'be', 'or', 'to'), 4)
    """
    check_range("sequence_length", sequence_length, 0)
    scheme = lookup(TOKENIZERS, setting, "tokenizer")()
    words, lengths = _counted(scheme, texts)
    if not words:
        raise UserError(
            "The training texts must have a word, got "
            f"{sum(lengths.values())} texts without any: add data."
        )
    if scheme.pieces:
        pieces = sorted(scheme.pieces(words))
        words, lengths = _recounted(setting, pieces, texts)
    longest = sequence_length or _percentile(lengths)
    return _made(setting, scheme, words, longest)


def _counted(scheme: Scheme, texts: Texts) -> tuple[Counter[str], Counter[int]]:
    """How often each word, and each number of words a text, occurs."""

    def count(batch):
        found = scheme.split(batch)
        return *_unique(found.flat_values), *_unique(found.row_lengths())

    words, lengths = Counter(), Counter()
    for batch in texts():
        found = [part.numpy().tolist() for part in count(tf.constant(batch))]
        words.update(dict(zip(*found[:2], strict=True)))
        lengths.update(dict(zip(*found[2:], strict=True)))
    decoded = {word.decode(): count for word, count in words.items()}
    return Counter(decoded), lengths


def _recounted(
    setting: str, pieces: list[str], texts: Texts
) -> tuple[Counter[str], Counter[int]]:
    """The same of pieces, each 0 times at least."""
    names = (*SPECIAL, *pieces)
    counts = np.zeros(len(names), np.int64)
    tokenizer = Tokenizer(setting, names, counts, 1)
    lengths = Counter()
    for batch in texts():
        found = tokenizer(batch)
        counts += np.bincount(found.flat_values, minlength=len(names))
        lengths.update(found.row_lengths().numpy().tolist())
    tokens = Counter(dict(zip(names, counts.tolist(), strict=True)))
    return tokens, lengths


def _made(
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


def _unique(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    found = tf.unique_with_counts(values)
    return found.y, found.count


def _percentile(lengths: Counter[int]) -> int:
    values = np.array(sorted(lengths), np.int64)
    reached = np.cumsum([lengths[value] for value in values.tolist()])
    place = np.argmax(reached >= _SHARE * reached[-1])
    return max(int(values[place]), 1)
