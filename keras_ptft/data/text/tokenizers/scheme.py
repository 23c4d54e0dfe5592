"""How one kind of tokenizer works, before it has a vocabulary."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import tensorflow as tf

from keras_ptft.data.text.tokenizers.ngrams import Ngrams
from keras_ptft.data.text.tokenizers.vocabulary import SPECIAL
from keras_ptft.errors import check_range


@dataclasses.dataclass(frozen=True)
class Scheme:
    """What a row of TOKENIZERS returns.

    Attributes:
        split: strings of any bytes, of shape (batch,) → words, ragged
            strings of shape (batch, None).
        join: tokens → readable text.
        vocabulary_size: most tokens of a vocabulary that is learned, with
            the special ones.
        min_count: how often a token must occur to be in it.
        in_graph: whether `split` is TensorFlow operations only.
        pieces: counts of words → pieces of words to cut them into; None:
            each word is a token.
        ngrams: the character n-grams that come with each word, if any.
        given: whether the vocabulary is given, not learned: pieces to cut
            words into.
        parts: tokens → the text that each adds to what `join` gives; None:
            each is found there by its name.
        before_words: what stands before a word that is read by itself, where
            a word begins with the space before it.
        rules: the vocabulary → JSON of the package `tokenizers` that gives
            the same ids for any text; None: it has none that would.
    """

    split: Callable[[tf.Tensor], tf.RaggedTensor]
    join: Callable[[Sequence[str]], str]
    vocabulary_size: int = 20_000
    min_count: int = 1
    in_graph: bool = True
    pieces: Callable[[Counter[str]], Iterable[str]] | None = None
    ngrams: Ngrams | None = None
    given: bool = False
    parts: Callable[[Sequence[str]], list[str]] | None = None
    before_words: str = ""
    rules: Callable[[Sequence[str]], str] | None = None

    def __post_init__(self) -> None:
        check_range("vocabulary_size", self.vocabulary_size, len(SPECIAL) + 1)
        check_range("min_count", self.min_count, 1)

    @property
    def cuts(self) -> bool:
        """Whether words are cut into pieces."""
        return self.given or self.pieces is not None
