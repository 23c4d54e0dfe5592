"""Texts as examples, with labels, with tags or without either."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.text.storage import TextStorage

_PADDING = -1


class TextSource(Source):
    """Texts as examples.

    Args:
        texts: where they are stored.
        labels: integers of shape (texts,); None: unlabelled, all 0.
        contiguous: whether the texts follow each other as parts of one.

    Example:

    >>> from keras_ptft.data.text.storage import in_memory
    >>> source = TextSource(in_memory([b"to be", "生存".encode()]))
    >>> source.gather(tf.constant([1], tf.int64)).numpy()[0].decode()
    '生存'
    """

    spec = tf.TensorSpec((), tf.string, "text")

    def __init__(
        self,
        texts: TextStorage,
        labels: npt.ArrayLike | None = None,
        *,
        contiguous: bool = False,
    ) -> None:
        none = np.zeros(len(texts), np.int64)
        self.labels = none if labels is None else np.asarray(labels, np.int64)
        self.hashes = texts.hashes
        self.contiguous = contiguous
        self._texts = texts

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads texts as they were stored, UTF-8 of shape (batch,)."""
        found = tf.numpy_function(self._texts.read, [indices], tf.string)
        return tf.ensure_shape(found, [indices.shape[0]])

    def name_of(self, index: int) -> str:
        return self._texts.name_of(index)


class TagSource(TextSource):
    """Texts with tagged words; a text is its words joined by spaces.

    Args:
        texts: where they are stored.
        tags: the tags of each text's words, integers.

    Example:

    >>> from keras_ptft.data.text.storage import in_memory
    >>> texts = in_memory([b"in Paris", b"yes"])
    >>> source = TagSource(texts, [np.array([0, 1]), np.array([0])])
    >>> source.targets(tf.constant([1, 0], tf.int64)).numpy().tolist()
    [[0, -1], [0, 1]]
    """

    has_targets = True

    def __init__(self, texts: TextStorage, tags: Sequence[np.ndarray]) -> None:
        super().__init__(texts)
        counts = np.array([len(each) for each in tags], np.int64)
        flat = np.concatenate([np.empty(0, np.int32), *tags]).astype(np.int32)
        self.tags = np.split(flat, np.cumsum(counts)[:-1])
        with tf.device("CPU:0"):
            self._tags = tf.RaggedTensor.from_row_lengths(flat, counts)

    def targets(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads tags, int32 of shape (batch, words), padded with -1."""
        return tf.gather(self._tags, indices).to_tensor(_PADDING)
