"""Words cut into the longest pieces that a vocabulary has (WordPiece)."""

from collections.abc import Sequence

import tensorflow as tf

from keras_ptft.data.text.normalize.string_table import StringTable

AFTER = "##"
# longer words are unknown, as in BERT
LONGEST = 100


class Pieces:
    """Cuts words as BERT does: greedily, from the left.

    "Fast WordPiece Tokenization", Song et al. 2021, calls it MaxMatch. A
    word of which any part is missing is unknown as a whole.

    Args:
        pieces: what begins a word, and `##` before what goes on in it.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        self._table = StringTable(pieces)
        sizes = (len(piece.removeprefix(AFTER)) for piece in pieces)
        self._most = min(max(sizes, default=1), LONGEST)

    def cut(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Places of the pieces, int32 of shape (words, None); -1: unknown.

        Args:
            words: UTF-8 strings of shape (words,), none of them empty.
        """
        sizes = tf.strings.length(words, unit="UTF8_CHAR")
        long = sizes > LONGEST
        sizes = tf.where(long, 1, sizes)
        owner = tf.repeat(tf.range(tf.size(words)), sizes)
        first = tf.cumsum(sizes, exclusive=True)
        start = tf.range(tf.size(owner)) - tf.gather(first, owner)
        left = tf.gather(sizes, owner) - start
        short = tf.where(long, "", words)
        places, lengths = self._matches(tf.gather(short, owner), start, left)
        chosen, stuck = _walk(first, sizes, lengths)
        stuck = tf.gather(stuck, owner)
        chosen = tf.where(stuck, tf.equal(start, 0), chosen)
        return tf.RaggedTensor.from_value_rowids(
            tf.boolean_mask(tf.where(stuck, -1, places), chosen),
            tf.boolean_mask(tf.cast(owner, tf.int64), chosen),
            nrows=tf.size(words, tf.int64),
            validate=False,
        )

    def _matches(self, words, start, left):
        """The longest piece at each character: its place and its length."""
        places = tf.fill(tf.shape(start), -1)
        lengths = tf.zeros_like(start)

        def longer(size, places, lengths):
            sizes = tf.fill(tf.shape(start), size)
            cut = tf.strings.substr(words, start, sizes, unit="UTF8_CHAR")
            cut = tf.where(start > 0, tf.strings.join([AFTER, cut]), cut)
            found = self._table.find(cut)
            here = (found >= 0) & (size <= left)
            places = tf.where(here, found, places)
            return size + 1, places, tf.where(here, size, lengths)

        size = tf.constant(1)
        _, places, lengths = tf.while_loop(
            lambda size, *_: size <= tf.minimum(self._most, _most(left)),
            longer,
            (size, places, lengths),
        )
        return places, lengths


def _most(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_max(tf.concat([values, [0]], 0))


def _walk(first, sizes, lengths):
    """Goes through all words at once, from piece to piece.

    Returns:
        Which characters begin a piece, and which words cannot be cut.
    """
    chosen = tf.zeros_like(lengths, tf.bool)
    stuck = tf.zeros_like(sizes, tf.bool)

    def step(chosen, stuck, state):
        at, end, word = tf.unstack(state, axis=1)
        size = tf.gather(lengths, at)
        chosen = tf.tensor_scatter_nd_update(
            chosen, at[:, None], tf.ones_like(at, tf.bool)
        )
        lost = tf.boolean_mask(word, tf.equal(size, 0))
        stuck = tf.tensor_scatter_nd_update(
            stuck, lost[:, None], tf.ones_like(lost, tf.bool)
        )
        state = tf.stack([at + size, end, word], 1)
        return (
            chosen,
            stuck,
            tf.boolean_mask(state, (size > 0) & (at + size < end)),
        )

    state = tf.stack([first, first + sizes, tf.range(tf.size(first))], 1)
    chosen, stuck, _ = tf.while_loop(
        lambda *state: tf.size(state[-1]) > 0,
        step,
        (chosen, stuck, state),
        shape_invariants=(chosen.shape, stuck.shape, tf.TensorShape([None, 3])),
    )
    return chosen, stuck
