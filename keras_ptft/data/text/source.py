"""Texts as examples, with labels or tags or without."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.storage import Texts

_PADDING = -1


class TextSource:
    """Texts as examples.

    Args:
        texts: where they come from.
        labels: integers of shape (texts,); None: unlabelled, all 0.
        running: whether the texts follow each other, as parts of one.

    Example:

    >>> from keras_ptft.data.text_storage import held
    >>> source = TextSource(held([b"to be", "生存".encode()]))
    >>> source.gather(tf.constant([1], tf.int64)).numpy()[0].decode()
    '生存'
    """

    spec = tf.TensorSpec((), tf.string, "text")

    def __init__(
        self,
        texts: Texts,
        labels: np.ndarray | None = None,
        *,
        running: bool = False,
    ) -> None:
        if labels is None:
            labels = np.zeros(len(texts), np.int64)
        self.labels = np.asarray(labels, np.int64)
        self.hashes = texts.hashes
        self.running = running
        self._texts = texts

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Texts as they were stored, in UTF-8, a string of shape (batch,)."""
        found = tf.numpy_function(self._texts.read, [indices], tf.string)
        return tf.ensure_shape(found, [indices.shape[0]])

    def name_of(self, number: int) -> str:
        """What a user knows a text by: its file and line, if it has one."""
        return self._texts.name_of(number)


class TagSource:
    """Texts whose words are tagged; a text is its words and spaces between.

    Args:
        texts: where they come from.
        tags: the tag of each word, an int32 array a text.

    Attributes:
        tags: likewise.

    Example:

    >>> from keras_ptft.data.text_storage import held
    >>> texts = held([b"in Paris", b"yes"])
    >>> source = TagSource(texts, [np.array([0, 1]), np.array([0])])
    >>> source.targets(tf.constant([1, 0], tf.int64)).numpy().tolist()
    [[0, -1], [0, 1]]
    """

    spec = TextSource.spec

    def __init__(self, texts: Texts, tags: Sequence[np.ndarray]) -> None:
        self._source = TextSource(texts)
        self.labels, self.hashes = self._source.labels, texts.hashes
        counts = np.array([len(each) for each in tags], np.int64)
        flat = np.concatenate([np.empty(0, np.int32), *tags]).astype(np.int32)
        self.tags = np.split(flat, np.cumsum(counts)[:-1])
        with tf.device("CPU:0"):
            self._tags = tf.RaggedTensor.from_row_lengths(flat, counts)

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Texts in UTF-8, a string of shape (batch,)."""
        return self._source.gather(indices)

    def targets(self, indices: tf.Tensor) -> tf.Tensor:
        """Tags, int32 of shape (batch, words), -1 where there is no word."""
        return tf.gather(self._tags, indices).to_tensor(_PADDING)

    def name_of(self, number: int) -> str:
        """The file and line where a text begins."""
        return self._source.name_of(number)
