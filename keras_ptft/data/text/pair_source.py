"""Pairs of texts as ids of tokens, one text after the other."""

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.length_buckets import buckets, padded_length
from keras_ptft.data.text.pairs import SEPARATOR
from keras_ptft.data.text.token_source import TokenSource, encoded
from keras_ptft.data.text.tokenizers import END, Tokenizer

_CHUNK = 4096


def pair_source(
    source: Source, tokenizer: Tokenizer, *, one_length: bool = False
) -> TokenSource:
    """Encodes pairs of texts as tokens, once.

    Each of the two is cut off at the tokenizer's sequence length, and ends
    with the end token.

    Args:
        source: of texts that `pairs.joined` made of two.
        tokenizer: what makes tokens of texts.
        one_length: whether all batches are padded to the longest pair.
    """
    longest = tokenizer.sequence_length
    ids, ends = encoded(_Parts(source), tokenizer, tokenizer)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    counts = np.minimum(ends - starts, longest)
    kept, stops = _ended(ids, starts, counts)
    tokens = TokenSource(
        kept,
        stops[1::2],
        source.labels,
        source.hashes,
        longest=_longest_pair(longest),
        texts=source,
    )
    if one_length:
        tokens.pad_to_longest()
    over = (ends - starts > longest).reshape(-1, 2).any(axis=1)
    tokens.cut_off = float(np.mean(over))
    tokens.values, tokens.by = source.values, source.by
    return tokens


def parted(tokens: tf.Tensor, longest: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the two texts of each pair, both padded to the same length.

    Of pairs that are padded to the longest, which all are on a TPU, the
    texts are too.

    Args:
        tokens: int32 of shape (batch, length) or (batch, length, width), of
            a `pair_source`.
        longest: most tokens of a text.

    Example:

    >>> pairs = tf.constant([[7, 3, 8, 9, 3], [3, 8, 3, 0, 0]])
    >>> first, second = parted(pairs, longest=2)
    >>> first.numpy().tolist(), second.numpy().tolist()
    ([[7, 0], [0, 0]], [[8, 9], [8, 0]])
    """
    ids = tokens if tokens.shape.rank == 2 else tokens[..., 0]
    # places of the two ends, the earlier one first
    order = tf.argsort(tf.cast(ids != END, tf.int32), axis=1, stable=True)
    one, other = tf.cast(order[:, 0], tf.int64), tf.cast(order[:, 1], tf.int64)
    counts = tf.stack([one, other - one - 1], axis=1)
    edges = buckets(max(longest, 1))
    if tokens.shape[1] == _longest_pair(longest):
        edges = edges[-1:]
    columns = tf.range(padded_length(tf.reshape(counts, [-1]), edges))
    parts = []
    for start, count in ((tf.zeros_like(one), one), (one + 1, counts[:, 1])):
        real = columns < count[:, None]
        places = tf.where(real, start[:, None] + columns, 0)
        found = tf.gather(tokens, places, batch_dims=1)
        if tokens.shape.rank == 3:
            real = real[..., None]
        parts.append(tf.where(real, found, 0))
    return parts[0], parts[1]


def incomplete(source: Source, longest: int) -> int:
    """Returns how many pairs have a text without a token.

    Args:
        source: as `pair_source` returns it, or some of it.
        longest: most tokens of a text.
    """
    count = 0
    for start in range(0, len(source), _CHUNK):
        indices = np.arange(start, min(start + _CHUNK, len(source)))
        parts = parted(source.gather(tf.constant(indices)), longest)
        flat = (tf.reshape(ids, [len(indices), -1]) for ids in parts)
        one, other = (tf.reduce_any(ids != 0, axis=1) for ids in flat)
        count += int(np.count_nonzero(~(one & other)))
    return count


def _longest_pair(longest: int) -> int:
    """Tokens of two texts, each with its end."""
    return 2 * longest + 2


class _Parts(Source):
    """The first text of a pair, then its second one, pair after pair."""

    def __init__(self, source: Source) -> None:
        self.spec = source.spec
        self.labels = np.repeat(source.labels, 2)
        self.hashes = np.repeat(source.hashes, 2)
        self._source = source

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        pairs = self._source.gather(indices // 2)
        parts = tf.strings.split(pairs, SEPARATOR).to_tensor(
            "", shape=[None, 2]
        )
        return tf.gather(parts, indices % 2, batch_dims=1)


def _ended(
    ids: np.ndarray, starts: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Texts of these counts with an end each, and where each stops."""
    stops = np.cumsum(counts + 1)
    shift = np.repeat(starts - (stops - counts - 1), counts + 1)
    places = np.minimum(np.arange(stops[-1]) + shift, max(len(ids) - 1, 0))
    end = np.zeros(ids.shape[1:], np.int32)
    # of several ids of a token the first one is that of the word
    end.flat[0] = END
    kept = ids[places] if len(ids) else np.zeros((len(places), *end.shape))
    kept = np.array(kept, np.int32)
    kept[stops - 1] = end
    return kept, stops
