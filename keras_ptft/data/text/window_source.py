"""Windows of running text, for models that say what comes next."""

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.array_source import row_reader
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.core.index_shuffle import permuted
from keras_ptft.data.text.token_source import encoded
from keras_ptft.data.text.tokenizers import UNKNOWN, Tokenizer


class TokenWindowSource:
    """Texts as one run of tokens, cut into windows.

    A window holds one token more than its length: each but the last is
    followed by what it is to predict. The last window is padded with 0.

    Args:
        ids: int32 of shape (tokens,) or (tokens, width).
        length: predictions a window.
        texts: what the tokens were made of, or None.

    Attributes:
        unknown: share of unknown tokens.

    Example:

    >>> source = TokenWindowSource(np.arange(1, 7, dtype=np.int32), length=3)
    >>> source.gather(tf.constant([0, 1], tf.int64)).numpy().tolist()
    [[1, 2, 3, 4], [4, 5, 6, 0]]
    """

    def __init__(
        self, ids: np.ndarray, length: int, texts: Source | None = None
    ) -> None:
        self.texts = texts
        windows = max(-(-(len(ids) - 1) // length), 0)
        self.labels = np.zeros(windows, np.int64)
        self.spec = tf.TensorSpec((None, *ids.shape[1:]), tf.int32, "tokens")
        self.hashes = np.array(
            [content_hash(_part(ids, i, length)) for i in range(windows)],
            np.uint64,
        )
        first = ids if ids.ndim == 1 else ids[:, 0]
        self.unknown = float(np.mean(first == UNKNOWN))
        self._length = length
        self._size = len(ids)
        self._rows = row_reader(ids)

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Ids, int32 of shape (batch, length + 1[, width])."""
        return self._windows(indices * self._length)

    def gather_at_epoch(
        self, epoch: tf.Tensor, indices: tf.Tensor
    ) -> tf.Tensor:
        """Likewise, but each epoch begins its first window elsewhere.

        So over the epochs every token is met in many contexts.

        Args:
            epoch: int64 scalar.
            indices: int64 tensor of shape (batch,).
        """
        turn = (epoch % self._length)[None]
        key = tf.stack([tf.zeros_like(epoch), epoch // self._length])
        shift = permuted(turn, key, self._length)
        return self._windows(indices * self._length + shift)

    def _windows(self, starts: tf.Tensor) -> tf.Tensor:
        columns = tf.range(self._length + 1, dtype=tf.int64)
        places = starts[:, None] + columns
        real = places < self._size
        if self.spec.shape.rank > 1:
            real = real[..., None]
        ids = self._rows(tf.minimum(places, self._size - 1))
        return tf.where(real, ids, 0)


def token_window_source(
    source: Source, tokenizer: Tokenizer
) -> TokenWindowSource:
    """The texts of a source one after the other, computed once.

    Where they are no parts of one text, the end token stands between them.

    Args:
        source: of texts.
        tokenizer: what makes tokens of texts.
    """
    apart = not getattr(source, "running", False)
    ids, _ = encoded(source, tokenizer, tokenizer, end=apart)
    return TokenWindowSource(ids, tokenizer.sequence_length, source)


def _part(ids: np.ndarray, number: int, length: int) -> np.ndarray:
    start = number * length
    return np.ascontiguousarray(ids[start : start + length + 1])
