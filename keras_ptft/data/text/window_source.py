"""Windows of tokens, for models that predict the next one."""

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.core.index_shuffle import permuted
from keras_ptft.data.core.rows import Rows
from keras_ptft.data.text.token_source import encoded, unknown_fraction
from keras_ptft.data.text.tokenizers import Tokenizer


class TokenWindowSource(Source):
    """Texts as one sequence of tokens, cut into windows.

    A window holds one token more than its length: each token but the last
    is followed by what it is to predict. The last window is padded with 0.

    Args:
        ids: int32 of shape (tokens,) or (tokens, width).
        length: predictions per window.
        texts: the texts that the tokens were made of, or None.

    Example:

    >>> source = TokenWindowSource(np.arange(1, 7, dtype=np.int32), length=3)
    >>> source.gather(tf.constant([0, 1], tf.int64)).numpy().tolist()
    [[1, 2, 3, 4], [4, 5, 6, 0]]
    """

    def __init__(
        self, ids: np.ndarray, length: int, texts: Source | None = None
    ) -> None:
        starts = range(0, max(len(ids) - 1, 0), length)
        windows = (ids[start : start + length + 1] for start in starts)
        hashes = [content_hash(np.ascontiguousarray(w)) for w in windows]
        self.spec = tf.TensorSpec((None, *ids.shape[1:]), tf.int32, "tokens")
        self.labels = np.zeros(len(starts), np.int64)
        self.hashes = np.array(hashes, np.uint64)
        self.texts = texts
        self.unknown = unknown_fraction(ids)
        self._wide = ids.ndim > 1
        self._length = length
        self._size = len(ids)
        self._rows = Rows(ids)

    @property
    def bytes_held(self) -> int | None:
        return self._rows.bytes_held

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads ids, int32 of shape (batch, length + 1[, width])."""
        return self._windows(indices * self._length)

    def gather_at_epoch(
        self, epoch: tf.Tensor, indices: tf.Tensor
    ) -> tf.Tensor:
        """Reads windows shifted by a number of tokens that the epoch sets.

        So each token appears in many contexts over the epochs.
        """
        turn = (epoch % self._length)[None]
        key = tf.stack([tf.zeros_like(epoch), epoch // self._length])
        shift = permuted(turn, key, self._length)
        return self._windows(indices * self._length + shift)

    def _windows(self, starts: tf.Tensor) -> tf.Tensor:
        columns = tf.range(self._length + 1, dtype=tf.int64)
        rows = starts[:, None] + columns
        real = rows < self._size
        if self._wide:
            real = real[..., None]
        ids = self._rows.gather(tf.minimum(rows, self._size - 1))
        return tf.where(real, ids, 0)


def token_window_source(
    source: Source, tokenizer: Tokenizer
) -> TokenWindowSource:
    """Encodes the texts of a source, once, as one sequence of tokens.

    An end token follows each text, unless the texts are contiguous.

    Args:
        source: of texts.
        tokenizer: what makes tokens of texts.
    """
    ids, _ = encoded(source, tokenizer, tokenizer, end=not source.contiguous)
    return TokenWindowSource(ids, tokenizer.sequence_length, source)
