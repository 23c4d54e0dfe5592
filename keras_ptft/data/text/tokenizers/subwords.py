"""Pieces of words, learned with the `tokenizers` package."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from keras_ptft.data.text.tokenizers.characters import CHARACTER, join
from keras_ptft.data.text.tokenizers.pieces import AFTER, LONGEST
from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.data.text.tokenizers.vocabulary import SPECIAL, most_common
from keras_ptft.data.text.tokenizers.words import splitter
from keras_ptft.errors import UserError

_AT_A_TIME = 10_000


def subwords(
    *,
    lower: bool = True,
    clean: bool = True,
    vocabulary_size: int = 4_000,
    min_count: int = 1,
) -> Scheme:
    """Frequent words, and the pieces of which rarer ones are made.

    WordPiece: "Google's Neural Machine Translation System", Wu et al. 2016,
    as BERT has it. Chinese and other scripts without spaces go character by
    character. To learn the pieces takes the package `tokenizers`; to use
    them takes nothing, in training or in serving.

    Args:
        lower: make letters lower case.
        clean: take out HTML, controls and ways of writing the same thing.
        vocabulary_size: most pieces that are kept, 4 special ones with them.
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
    """Pieces as text.

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
    """The pieces of which most text is made of the fewest.

    Args:
        words: how often each word occurs.
        vocabulary_size: most pieces, with the special tokens.
        min_count: how often a piece must occur.

    Raises:
        UserError: the package `tokenizers` is missing.
    """
    library = _library()
    letters = Counter()
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
    # The package numbers letters as its hash map has them, another way in
    # each process, and breaks ties by that: given first, they are in order.
    trainer = library.trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        min_frequency=min_count,
        special_tokens=[*SPECIAL, *sorted(kept)],
        show_progress=False,
    )
    model = library.Tokenizer(library.models.WordPiece(unk_token=SPECIAL[1]))
    model.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    model.train_from_iterator(_running(Counter(whole)), trainer)
    return sorted(set(model.get_vocab()) - set(SPECIAL))


def _letters(word: str) -> list[str]:
    return [word[0], *(AFTER + letter for letter in word[1:])]


def _running(words: Counter[str]) -> Iterator[list[str]]:
    every = words.elements()
    while part := list(itertools.islice(every, _AT_A_TIME)):
        yield part


def _library():
    try:
        import tokenizers
    except ImportError:
        raise UserError(
            "--tokenizer=subwords must have the package tokenizers to learn, "
            "but it is not installed: pip install "
            '"keras_ptft[text]", or use --tokenizer=words.'
        ) from None
    return tokenizers
