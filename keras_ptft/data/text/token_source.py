"""Texts as ids of tokens, read by index like any example."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.length_buckets import buckets, padded_length
from keras_ptft.data.core.rows import Rows, all_held
from keras_ptft.data.text.tokenizers import END, UNKNOWN, Tokenizer

IDS_IN_MEMORY = 2**28
"""More ids than these (1 GB) go to a file that the process deletes."""

Encode = Callable[[tf.Tensor], tf.RaggedTensor]
_TEXTS = 1024


class TokenSource(Source):
    """Ids of the tokens of each text, padded on the right with 0.

    Args:
        ids: int32 of shape (tokens,) or (tokens, width), text after text.
        ends: where each text ends in `ids`, integers of shape (texts,).
        labels: integers of shape (texts,).
        hashes: the content hash of each stored text, uint64.
        longest: most tokens of a text; texts are cut off there.
        tags: a tag for each token, integers of shape (tokens,), or None.
        texts: the texts that the tokens were made of, or None.

    Example:

    >>> ids = np.array([5, 6, 7], np.int32)
    >>> source = TokenSource(ids, [1, 3], [0, 1], np.zeros(2), longest=4)
    >>> source.gather(tf.constant([1, 0], tf.int64)).numpy().tolist()
    [[6, 7, 0, 0], [5, 0, 0, 0]]
    """

    def __init__(
        self,
        ids: np.ndarray,
        ends: npt.ArrayLike,
        labels: npt.ArrayLike,
        hashes: np.ndarray,
        *,
        longest: int,
        tags: np.ndarray | None = None,
        texts: Source | None = None,
    ) -> None:
        ends = np.asarray(ends, np.int64)
        self.spec = tf.TensorSpec((None, *ids.shape[1:]), tf.int32, "tokens")
        self.labels = np.asarray(labels, np.int64)
        self.hashes = hashes
        self.texts = texts
        self._starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        whole = ends - self._starts
        self.lengths = np.minimum(whole, longest)
        self.cut_off = float(np.mean(whole > longest))
        self.unknown = unknown_fraction(ids)
        self._wide = ids.ndim > 1
        self._edges = buckets(longest)
        self._ids = Rows(ids)
        digest = hashlib.blake2b(ids.data, digest_size=16)
        self.has_targets = tags is not None
        self._tags: Rows | None = None
        if tags is not None:
            tags = np.asarray(tags, np.int64)
            digest.update(tags.data)
            self._tags = Rows(tags)
        self.encoding = digest.digest()

    @property
    def bytes_held(self) -> int | None:
        rows = [self._ids, self._tags] if self._tags else [self._ids]
        return all_held(each.bytes_held for each in rows)

    def pad_to_longest(self) -> None:
        """Pads all batches to one length, as a TPU needs them."""
        self._edges = self._edges[-1:]

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads ids, int32 of shape (batch, tokens[, width])."""
        rows, real = self._rows(indices)
        if self._wide:
            real = real[..., None]
        return tf.where(real, self._ids.gather(rows), 0)

    def targets(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads labels, or tags, int64 of shape (batch, tokens), padded -1."""
        if self._tags is None:
            return super().targets(indices)
        rows, real = self._rows(indices)
        return tf.where(real, self._tags.gather(rows), -1)

    def _rows(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns rows of tokens, and which are real, (batch, tokens)."""
        lengths = tf.gather(self.lengths, indices)
        columns = tf.range(padded_length(lengths, self._edges))
        real = columns < lengths[:, None]
        rows = tf.gather(self._starts, indices)[:, None] + columns
        return tf.where(real, rows, 0), real


def token_source(
    source: Source, tokenizer: Tokenizer, *, one_length: bool = False
) -> TokenSource:
    """Encodes the texts of a source as tokens, once.

    Args:
        source: of texts; with `tags`, each word of a text is one token.
        tokenizer: what makes tokens of texts.
        one_length: whether all batches are padded to the longest text.
    """
    tags = source.tags
    encode = tokenizer if tags is None else words_encoder(tokenizer)
    ids, ends = encoded(source, encode, tokenizer)
    tokens = TokenSource(
        ids,
        ends,
        source.labels,
        source.hashes,
        longest=tokenizer.sequence_length,
        tags=None if tags is None else np.concatenate(tags),
        texts=source,
    )
    if one_length:
        tokens.pad_to_longest()
    tokens.values, tokens.by = source.values, source.by
    return tokens


def words_encoder(tokenizer: Tokenizer) -> Encode:
    """Returns an encoder of texts that makes one token of each word.

    Words are separated by spaces. Since each has one tag, it gets one token,
    its first; a word of which cleaning leaves nothing is unknown.
    """
    before = tokenizer.scheme.before_words

    def encode(texts: tf.Tensor) -> tf.RaggedTensor:
        words = tf.strings.split(texts, " ")
        found = tokenizer(tf.strings.join([before, words.flat_values]))
        first = _ended(found, tokenizer.width, UNKNOWN)[:, :1]
        return words.with_flat_values(first.flat_values)

    return encode


def encoded(
    source: Source, encode: Encode, tokenizer: Tokenizer, end: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Encodes all texts of a source.

    Args:
        source: of texts.
        encode: texts → ids, ragged.
        tokenizer: the tokenizer that `encode` uses.
        end: append the end token to each text.

    Returns:
        Ids, int32 of shape (tokens[, width]), in memory up to
        IDS_IN_MEMORY, else mapped from an unnamed file; and where each text
        ends, int64 of shape (texts,).
    """
    counts: list[np.ndarray] = []
    parts: list[np.ndarray] = []
    size, file = 0, None
    for part in _parts(source, encode, tokenizer.in_graph):
        if end:
            part = _ended(part, tokenizer.width, END)
        counts.append(part.row_lengths().numpy())
        parts.append(part.flat_values.numpy())
        size += parts[-1].size
        if size > IDS_IN_MEMORY:
            file, parts, size = _spilled(parts, file), [], 0
    ends = np.cumsum(np.concatenate(counts)).astype(np.int64)
    if file is None:
        return np.concatenate(parts), ends
    width = (tokenizer.width,) if tokenizer.width > 1 else ()
    with _spilled(parts, file) as file:
        shape = (int(ends[-1]), *width)
        return np.memmap(file, np.int32, "r", 0, shape), ends


def _spilled(parts: list[np.ndarray], file: BinaryIO | None) -> BinaryIO:
    """Appends ids to a file; a map of it stays valid once it is closed."""
    file = file or tempfile.TemporaryFile()  # noqa: SIM115
    for part in parts:
        file.write(part.tobytes())
    file.flush()
    return file


def _ended(texts: tf.RaggedTensor, width: int, token: int) -> tf.RaggedTensor:
    """Appends a token to each text."""
    shape = [texts.nrows(), 1] + ([width] if width > 1 else [])
    last = tf.fill(shape, tf.constant(token, tf.int32))
    if width > 1:
        last *= tf.one_hot(0, width, dtype=tf.int32)
    return tf.concat([texts, last], 1)


def unknown_fraction(ids: np.ndarray) -> float:
    """Returns the fraction of unknown tokens of (tokens[, width]) ids."""
    first = ids if ids.ndim == 1 else ids[:, 0]
    return float(np.mean(first == UNKNOWN))


def word_rows(tokenizer: Tokenizer) -> np.ndarray:
    """Returns a model's input for each token of a vocabulary.

    Args:
        tokenizer: the tokenizer whose vocabulary it is.

    Returns:
        int32 of shape (vocabulary,), or (vocabulary, width) if a token has
        several ids; special tokens, which are no words, have one.
    """
    ids = np.arange(len(tokenizer.vocabulary), dtype=np.int32)
    if tokenizer.width == 1:
        return ids
    rows = np.zeros((len(ids), tokenizer.width), np.int32)
    rows[:, 0] = ids
    read = tokenizer(tf.constant(tokenizer.vocabulary)).to_list()
    for index, tokens in enumerate(read):
        if len(tokens) == 1 and tokens[0][0] == index:
            rows[index] = tokens[0]
    return rows


def texts_of(source: Source) -> Iterator[tf.Tensor]:
    """Yields the texts of a source in order, about a thousand at a time."""
    yield from _mapped(source, lambda texts: texts)


def _parts(
    source: Source, encode: Encode, in_graph: bool
) -> Iterator[tf.RaggedTensor]:
    if in_graph:
        yield from _mapped(source, encode)
    else:
        yield from map(encode, texts_of(source))


def _mapped(
    source: Source, function: Callable[[tf.Tensor], tf.Tensor]
) -> tf.data.Dataset:
    size = len(source)

    @tf.autograph.experimental.do_not_convert
    def part(start: tf.Tensor) -> tf.Tensor:
        indices = tf.range(start, tf.minimum(start + _TEXTS, size))
        return function(source.gather(indices))

    starts = tf.data.Dataset.range(0, size, _TEXTS)
    return starts.map(part, num_parallel_calls=tf.data.AUTOTUNE)
