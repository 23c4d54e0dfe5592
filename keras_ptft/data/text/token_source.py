"""Texts as ids of tokens, reached by their number like any example."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.array_source import row_reader
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.length_buckets import buckets, padded_length
from keras_ptft.data.text.tokenizers import END, UNKNOWN, Tokenizer

Encode = Callable[[tf.Tensor], tf.RaggedTensor]
_TEXTS = 1024
# more ids than these (1 GB) go to a file that vanishes with the process
_IN_MEMORY = 2**28


class TokenSource:
    """Ids of the tokens of each text, padded on the right with 0.

    Args:
        ids: int32 of shape (tokens,) or (tokens, width), all texts in turn.
        ends: int64 of shape (texts,), where each text ends in `ids`.
        labels: integers of shape (texts,).
        hashes: uint64 of shape (texts,), of each text as it was stored.
        longest: tokens of a text that are kept; more are cut off.
        tags: integers of shape (tokens,), a tag a token, or None.
        texts: what the tokens were made of, or None.

    Attributes:
        lengths: int64 of shape (texts,), tokens of each that are kept.
        cut_off: share of the texts that are longer.
        unknown: share of unknown tokens.
        encoding: digest of all tokens and tags.

    Example:

    >>> ids = np.array([5, 6, 7], np.int32)
    >>> source = TokenSource(ids, [1, 3], [0, 1], np.zeros(2), longest=4)
    >>> source.gather(tf.constant([1, 0], tf.int64)).numpy().tolist()
    [[6, 7, 0, 0], [5, 0, 0, 0]]
    """

    def __init__(
        self,
        ids: np.ndarray,
        ends: np.ndarray,
        labels: np.ndarray,
        hashes: np.ndarray,
        *,
        longest: int,
        tags: np.ndarray | None = None,
        texts: Source | None = None,
    ) -> None:
        ends = np.asarray(ends, np.int64)
        self.texts = texts
        self.labels = np.asarray(labels, np.int64)
        self.hashes = hashes
        self.spec = tf.TensorSpec((None, *ids.shape[1:]), tf.int32, "tokens")
        self._starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        whole = ends - self._starts
        self.lengths = np.minimum(whole, longest)
        self.cut_off = float(np.mean(whole > longest))
        first = ids if ids.ndim == 1 else ids[:, 0]
        self.unknown = float(np.mean(first == UNKNOWN))
        digest = hashlib.blake2b(ids, digest_size=16)
        self._edges = buckets(longest)
        self._ids = row_reader(ids)
        if tags is not None:
            tags = np.asarray(tags, np.int64)
            digest.update(tags)
            self._tags = row_reader(tags)
            self.targets = self._tags_of
        self.encoding = digest.digest()

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Ids, int32 of shape (batch, tokens[, width])."""
        places, real = self._places(indices)
        if self.spec.shape.rank > 1:
            real = real[..., None]
        return tf.where(real, self._ids(places), 0)

    def _tags_of(self, indices: tf.Tensor) -> tf.Tensor:
        """Tags, int64 of shape (batch, tokens), -1 where padded."""
        places, real = self._places(indices)
        return tf.where(real, self._tags(places), -1)

    def _places(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Where tokens stand, and which are real, of shape (batch, tokens)."""
        lengths = tf.gather(self.lengths, indices)
        columns = tf.range(padded_length(lengths, self._edges))
        real = columns < lengths[:, None]
        places = tf.gather(self._starts, indices)[:, None] + columns
        return tf.where(real, places, 0), real


def token_source(source: Source, tokenizer: Tokenizer) -> TokenSource:
    """The texts of a source as tokens, computed once.

    Args:
        source: of texts; with `tags`, each word of a text is one token.
        tokenizer: what makes tokens of texts.
    """
    tagged = hasattr(source, "tags")
    encode = words_encoder(tokenizer) if tagged else tokenizer
    ids, ends = encoded(source, encode, tokenizer)
    return TokenSource(
        ids,
        ends,
        source.labels,
        source.hashes,
        longest=tokenizer.sequence_length,
        tags=np.concatenate(source.tags) if tagged else None,
        texts=source,
    )


def words_encoder(tokenizer: Tokenizer) -> Encode:
    """Texts → the first token of each of their words, parted by spaces.

    Where a word has a tag, it must be one token.
    """

    def encode(texts: tf.Tensor) -> tf.RaggedTensor:
        words = tf.strings.split(texts, " ")
        found = tokenizer(words.flat_values)
        # where nothing is left of a word, it is unknown
        first = _ended(found, tokenizer.width, UNKNOWN)[:, :1]
        return words.with_flat_values(first.flat_values)

    return encode


def encoded(
    source: Source, encode: Encode, tokenizer: Tokenizer, end: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """All ids of a source's texts in turn, and where each text ends.

    Args:
        source: of texts.
        encode: texts → ids, ragged.
        tokenizer: whose `encode` it is.
        end: put the end token after each text.

    Returns:
        int32 of shape (tokens[, width]), in memory up to 1 GB, else mapped
        from a file without a name; and int64 of shape (texts,).
    """
    counts, parts, held, spilled = [], [], 0, None
    for part in _parts(source, encode, tokenizer.in_graph):
        if end:
            part = _ended(part, tokenizer.width, END)
        counts.append(part.row_lengths().numpy())
        parts.append(part.flat_values.numpy())
        held += parts[-1].size
        if held > _IN_MEMORY:
            spilled, parts, held = _spilled(parts, spilled), [], 0
    ends = np.cumsum(np.concatenate(counts)).astype(np.int64)
    if spilled is None:
        return np.concatenate(parts), ends
    width = (tokenizer.width,) if tokenizer.width > 1 else ()
    shape = (int(ends[-1]), *width)
    with _spilled(parts, spilled) as file:
        return np.memmap(file, np.int32, "r", 0, shape), ends


def _spilled(parts: list[np.ndarray], file: BinaryIO | None) -> BinaryIO:
    """A file with more ids at its end; as a map it outlives its closing."""
    file = file or tempfile.TemporaryFile()  # noqa: SIM115
    for part in parts:
        file.write(part.tobytes())
    file.flush()
    return file


def _ended(texts: tf.RaggedTensor, width: int, token: int) -> tf.RaggedTensor:
    """Texts with one more token each."""
    shape = [texts.nrows(), 1] + ([width] if width > 1 else [])
    last = tf.fill(shape, tf.constant(token, tf.int32))
    if width > 1:
        last *= tf.one_hot(0, width, dtype=tf.int32)
    return tf.concat([texts, last], 1)


def word_rows(tokenizer: Tokenizer) -> np.ndarray:
    """What a model reads of each word of a vocabulary.

    Args:
        tokenizer: whose vocabulary it is.

    Returns:
        int32 of shape (vocabulary,) or, where a token has n ids,
        (vocabulary, n); of the special ones, which are no words, the id.
    """
    own = np.arange(len(tokenizer.vocabulary), dtype=np.int32)
    if tokenizer.width == 1:
        return own
    rows = np.zeros((len(own), tokenizer.width), np.int32)
    rows[:, 0] = own
    read = tokenizer(tf.constant(tokenizer.vocabulary)).to_list()
    for number, tokens in enumerate(read):
        if len(tokens) == 1 and tokens[0][0] == number:
            rows[number] = tokens[0]
    return rows


def texts_of(source: Source) -> Iterator[tf.Tensor]:
    """The texts of a source in order, about a thousand at a time."""
    yield from _mapped(source, lambda texts: texts)


def _parts(
    source: Source, encode: Encode, in_graph: bool
) -> Iterator[tf.RaggedTensor]:
    """The ids of some texts at a time."""
    if in_graph:
        yield from _mapped(source, encode)
    else:
        yield from map(encode, texts_of(source))


def _mapped(source: Source, function: Callable) -> tf.data.Dataset:
    size = len(source)

    def part(start):
        numbers = tf.range(start, tf.minimum(start + _TEXTS, size))
        return function(source.gather(numbers))

    part = tf.autograph.experimental.do_not_convert(part)
    starts = tf.data.Dataset.range(0, size, _TEXTS)
    return starts.map(part, num_parallel_calls=tf.data.AUTOTUNE)
