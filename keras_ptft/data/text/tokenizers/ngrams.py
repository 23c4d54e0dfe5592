"""Character n-grams of words, as in fastText."""

import dataclasses
from collections import Counter

import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError, check_range

# a word of 14 letters has 39 n-grams of 3 to 5
_MOST = 39
_SHARE = 0.999


@dataclasses.dataclass(frozen=True)
class Ngrams:
    """Which n-grams of a word, written `<word>`, are told apart.

    Attributes:
        range: the least and the most characters.
        buckets: ids that they share, by a hash that is the same everywhere.
    """

    range: tuple[int, ...]
    buckets: int

    def __post_init__(self) -> None:
        if len(self.range) != 2 or not 1 <= self.range[0] <= self.range[1] < 9:
            raise UserError(
                "Setting 'ngrams' must be the least and the most characters "
                f"from 1 to 8, as (3, 5), got {self.range}."
            )
        check_range("buckets", self.buckets, 1)

    def width(self, words: Counter[str]) -> int:
        """Ids a word: itself and as many n-grams as 99.9 % of words have.

        There are at most 39, the shortest ones first.

        Args:
            words: how often each word occurs.
        """
        sizes = np.array([len(word) + 2 for word in words])
        counts = np.fromiter(words.values(), np.int64)
        number = sum(np.maximum(sizes - n + 1, 0) for n in self._lengths)
        order = np.argsort(number)
        reached = np.cumsum(counts[order]) >= _SHARE * counts.sum()
        return 1 + int(min(number[order][np.argmax(reached)], _MOST))

    def ids(self, words: tf.Tensor, count: int) -> tf.Tensor:
        """Ids of n-grams from 1 on, the shortest n-grams first.

        Args:
            words: UTF-8 strings of shape (n,).
            count: n-grams a word.

        Returns:
            int64 of shape (n, count), 0 where a word has fewer.
        """
        # that much holds `count` n-grams of any length
        kept = tf.strings.substr(words, 0, count + 9, unit="UTF8_CHAR")
        marked = tf.strings.join(["<", kept, ">"])
        size = tf.strings.length(marked, unit="UTF8_CHAR")[:, None]
        slot = tf.range(count)[None, :] + tf.zeros_like(size)
        starts, lengths = tf.zeros_like(slot), tf.zeros_like(slot)
        for n in self._lengths:
            number = tf.maximum(size - n + 1, 0)
            here = (slot >= 0) & (slot < number)
            starts = tf.where(here, slot, starts)
            lengths = tf.where(here, n, lengths)
            slot -= number
        marked = tf.repeat(marked[:, None], count, axis=1)
        found = tf.strings.substr(marked, starts, lengths, unit="UTF8_CHAR")
        ids = tf.strings.to_hash_bucket_fast(found, self.buckets)
        return tf.where(lengths > 0, ids + 1, 0)

    @property
    def _lengths(self) -> range:
        return range(self.range[0], self.range[1] + 1)
