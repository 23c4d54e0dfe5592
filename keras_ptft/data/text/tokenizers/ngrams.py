"""Character n-grams of words, as in fastText."""

import dataclasses
from collections import Counter

import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError, check_range

# a word of 14 letters has 39 n-grams of 3 to 5
_MOST = 39
_COVERED = 0.999


@dataclasses.dataclass(frozen=True)
class Ngrams:
    """The n-grams of a word, written `<word>`, that get an id.

    Attributes:
        lengths: the least and the most characters.
        buckets: ids that they share, by a hash that is equal everywhere.
    """

    lengths: tuple[int, ...]
    buckets: int

    def __post_init__(self) -> None:
        low, high = self.lengths if len(self.lengths) == 2 else (0, 0)
        if not 1 <= low <= high < 9:
            raise UserError(
                "Setting 'ngrams' must be the least and the most characters "
                f"from 1 to 8, as (3, 5), got {self.lengths}."
            )
        check_range("buckets", self.buckets, 1)

    def width(self, words: Counter[str]) -> int:
        """Returns ids per word: the word, and n-grams enough for 99.9 %.

        At most 39 n-grams, the shortest ones first.

        Args:
            words: how often each word occurs.
        """
        sizes = np.array([len(word) + 2 for word in words])
        counts = np.fromiter(words.values(), np.int64)
        number = sum(np.maximum(sizes - n + 1, 0) for n in self._each_length)
        order = np.argsort(number)
        reached = np.cumsum(counts[order]) >= _COVERED * counts.sum()
        return 1 + int(min(number[order][np.argmax(reached)], _MOST))

    def ids(self, words: tf.Tensor, count: int) -> tf.Tensor:
        """Returns ids of n-grams, the shortest n-grams first.

        Args:
            words: UTF-8 strings of shape (n,).
            count: n-grams per word.

        Returns:
            int64 of shape (n, count), from 1; 0 where a word has fewer.
        """
        # long enough for `count` n-grams of any length
        kept = tf.strings.substr(words, 0, count + 9, unit="UTF8_CHAR")
        marked = tf.strings.join(["<", kept, ">"])
        size = tf.strings.length(marked, unit="UTF8_CHAR")[:, None]
        slot = tf.range(count)[None, :] + tf.zeros_like(size)
        starts, lengths = tf.zeros_like(slot), tf.zeros_like(slot)
        for n in self._each_length:
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
    def _each_length(self) -> range:
        return range(self.lengths[0], self.lengths[1] + 1)
