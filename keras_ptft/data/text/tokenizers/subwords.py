"""Pieces of words, learned with the `tokenizers` package."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from keras_ptft.data.text.tokenizers.characters import CHARACTER, join
from keras_ptft.data.text.tokenizers.pieces import AFTER, LONGEST
from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.data.text.tokenizers.vocabulary import SPECIAL, most_common
from keras_ptft.data.text.tokenizers.words import splitter
from keras_ptft.errors import UserError

_BATCH = 10_000


def subwords(
    *,
    lower: bool = True,
    clean: bool = True,
    vocabulary_size: int = 4_000,
    min_count: int = 1,
) -> Scheme:
    """Frequent words, and the pieces that rarer words are made of.

    WordPiece as in BERT: "Google's Neural Machine Translation System", Wu et
    al. 2016. Chinese and other scripts without spaces are split into
    characters first. Only learning the pieces needs the package
    `tokenizers`; training and serving do not.

    Args:
        lower: convert to lower case.
        clean: remove HTML, control characters and variants of spelling.
        vocabulary_size: most pieces to keep, with the 4 special tokens.
        min_count: how often a piece must occur to be kept.
    """
    return Scheme(
        split=splitter(clean, lower, CHARACTER),
        join=join_pieces,
        vocabulary_size=vocabulary_size,
        min_count=min_count,
        pieces=lambda words: learn_pieces(words, vocabulary_size, min_count),
    )


def join_pieces(pieces: Sequence[str]) -> str:
    """Joins pieces to text.

    Example:

    >>> join_pieces(["play", "##ing", "chess"])
    'playing chess'
    """
    words: list[str] = []
    for piece in pieces:
        if words and piece.startswith(AFTER) and piece != AFTER:
            words[-1] += piece.removeprefix(AFTER)
        else:
            words.append(piece)
    return join(words)


def learn_pieces(
    words: Counter[str], vocabulary_size: int, min_count: int
) -> list[str]:
    """Learns the pieces that make up the text with the fewest of them.

    Args:
        words: how often each word occurs.
        vocabulary_size: most pieces, with the special tokens.
        min_count: how often a piece must occur.

    Returns:
        The pieces, sorted, without the special tokens.

    Raises:
        UserError: the package `tokenizers` is missing.
    """
    library = _library()
    letters: Counter[str] = Counter()
    for word, count in words.items():
        for letter in _letters(word):
            letters[letter] += count
    kept = most_common(letters, vocabulary_size - len(SPECIAL), min_count)
    known = set(kept)
    whole = {
        word: count
        for word, count in sorted(words.items())
        if len(word) <= LONGEST and known.issuperset(_letters(word))
    }
    # The package numbers letters in the order of its hash map, which differs
    # between processes, and breaks ties by number: listing them first fixes
    # their order.
    trainer = library.trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        min_frequency=min_count,
        special_tokens=[*SPECIAL, *sorted(kept)],
        show_progress=False,
    )
    model = library.Tokenizer(library.models.WordPiece(unk_token=SPECIAL[1]))
    model.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    model.train_from_iterator(_repeated(Counter(whole)), trainer)
    return sorted(set(model.get_vocab()) - set(SPECIAL))


def _letters(word: str) -> list[str]:
    return [word[0], *(AFTER + letter for letter in word[1:])]


def _repeated(words: Counter[str]) -> Iterator[list[str]]:
    """Yields each word as often as it occurs, in batches."""
    every = words.elements()
    while batch := list(itertools.islice(every, _BATCH)):
        yield batch


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise UserError(
            "--tokenizer=subwords must have the package tokenizers to learn, "
            "but it is not installed: pip install "
            '"keras_ptft[text]", or use --tokenizer=words.'
        ) from None
    return tokenizers
