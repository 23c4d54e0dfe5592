"""Cuts words into the longest pieces of a vocabulary (WordPiece)."""

from collections.abc import Sequence

import tensorflow as tf

from keras_ptft.data.text.normalize.string_table import Find, StringTable

AFTER = "##"
# longer words are unknown, as in BERT
LONGEST = 100


class Pieces:
    """Cuts words as BERT does: greedily, from the left.

    "Fast WordPiece Tokenization", Song et al. 2021, calls it MaxMatch. If
    any part of a word is missing, the whole word is unknown.

    Args:
        pieces: beginnings of words, and continuations with `##` in front.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        self._table = StringTable(pieces)
        sizes = (len(piece.removeprefix(AFTER)) for piece in pieces)
        self._most = min(max(sizes, default=1), LONGEST)

    def cut(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Cuts words into pieces.

        Args:
            words: UTF-8 strings of shape (words,), none of them empty.

        Returns:
            Indices of the pieces, int32 of shape (words, None); -1: unknown.
        """
        sizes = tf.strings.length(words, unit="UTF8_CHAR")
        find = self._table.finder()
        whole = tf.where(sizes <= self._most, find(words), -1)
        # most words are pieces themselves, the longest ones: only what is
        # left takes loops
        indices, lengths = tf.cond(
            tf.reduce_any(whole < 0),
            lambda: self._with_parts(find, words, sizes, whole),
            lambda: (whole, tf.ones_like(whole, tf.int64)),
        )
        return tf.RaggedTensor.from_row_lengths(
            indices, lengths, validate=False
        )

    def _with_parts(
        self, find: Find, words: tf.Tensor, sizes: tf.Tensor, whole: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cuts words that are no pieces; returns indices and row lengths."""
        left = whole < 0
        parts = self._parts(
            find, tf.boolean_mask(words, left), tf.boolean_mask(sizes, left)
        )
        one_each = tf.ones_like(whole, tf.int64)
        rows = tf.RaggedTensor.from_row_lengths(
            tf.concat([whole, parts.values], 0),
            tf.concat([one_each, parts.row_lengths()], 0),
            validate=False,
        )
        count = tf.size(whole)
        behind = count - 1 + tf.cumsum(tf.cast(left, tf.int32))
        found = tf.gather(rows, tf.where(left, behind, tf.range(count)))
        return found.values, found.row_lengths()

    def _parts(
        self, find: Find, words: tf.Tensor, sizes: tf.Tensor
    ) -> tf.RaggedTensor:
        """Cuts words of so many characters from piece to piece."""
        long = sizes > LONGEST
        sizes = tf.where(long, 1, sizes)
        owner = tf.repeat(tf.range(tf.size(words)), sizes)
        first = tf.cumsum(sizes, exclusive=True)
        start = tf.range(tf.size(owner)) - tf.gather(first, owner)
        left = tf.gather(sizes, owner) - start
        short = tf.where(long, "", words)
        texts = tf.gather(short, owner)
        indices, lengths = self._matches(find, texts, start, left)
        chosen, stuck = _walk(first, sizes, lengths)
        stuck = tf.gather(stuck, owner)
        chosen = tf.where(stuck, tf.equal(start, 0), chosen)
        return tf.RaggedTensor.from_value_rowids(
            tf.boolean_mask(tf.where(stuck, -1, indices), chosen),
            tf.boolean_mask(tf.cast(owner, tf.int64), chosen),
            nrows=tf.size(words, tf.int64),
            validate=False,
        )

    def _matches(
        self, find: Find, words: tf.Tensor, start: tf.Tensor, left: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns index and length of the longest piece at each character."""

        def longer(
            size: tf.Tensor, indices: tf.Tensor, lengths: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            sizes = tf.fill(tf.shape(start), size)
            cut = tf.strings.substr(words, start, sizes, unit="UTF8_CHAR")
            cut = tf.where(start > 0, tf.strings.join([AFTER, cut]), cut)
            found = find(cut)
            here = (found >= 0) & (size <= left)
            indices = tf.where(here, found, indices)
            return size + 1, indices, tf.where(here, size, lengths)

        most = tf.minimum(self._most, tf.reduce_max(tf.concat([left, [0]], 0)))
        missing = tf.fill(tf.shape(start), -1)
        _, indices, lengths = tf.while_loop(
            lambda size, *_: size <= most,
            longer,
            (tf.constant(1), missing, tf.zeros_like(start)),
        )
        return indices, lengths


def _walk(
    first: tf.Tensor, sizes: tf.Tensor, lengths: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Walks through all words in parallel, from piece to piece.

    Returns:
        Which characters begin a piece, and which words cannot be cut.
    """

    def step(
        chosen: tf.Tensor, stuck: tf.Tensor, state: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        at, end, word = tf.unstack(state, axis=1)
        size = tf.gather(lengths, at)
        chosen = _set(chosen, at)
        stuck = _set(stuck, tf.boolean_mask(word, tf.equal(size, 0)))
        state = tf.stack([at + size, end, word], 1)
        goes_on = (size > 0) & (at + size < end)
        return chosen, stuck, tf.boolean_mask(state, goes_on)

    chosen = tf.zeros_like(lengths, tf.bool)
    stuck = tf.zeros_like(sizes, tf.bool)
    state = tf.stack([first, first + sizes, tf.range(tf.size(first))], 1)
    chosen, stuck, _ = tf.while_loop(
        lambda *loop: tf.size(loop[-1]) > 0,
        step,
        (chosen, stuck, state),
        shape_invariants=(chosen.shape, stuck.shape, tf.TensorShape([None, 3])),
    )
    return chosen, stuck


def _set(flags: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Returns the flags with those at the indices set."""
    return tf.tensor_scatter_nd_update(
        flags, indices[:, None], tf.ones_like(indices, tf.bool)
    )
