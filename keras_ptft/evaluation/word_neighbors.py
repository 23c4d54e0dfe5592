"""Which words a model has near each other."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_ptft.data.text.token_source import word_rows
from keras_ptft.data.text.tokenizers import SPECIAL, Tokenizer

_BATCH = 1024
_SPECIALS = len(SPECIAL)
# the most frequent words, such as articles, are near to nothing much
_COMMON = 0.01
_FREQUENT = 0.2

Neighbors = list[tuple[str, list[tuple[str, float]]]]
"""Words, each with the words nearest to it and their cosines."""


def word_vectors(model: keras.Model, tokenizer: Tokenizer) -> np.ndarray:
    """Computes the vector of each word, with that of its n-grams.

    Args:
        model: with an input "tokens" and the feature layer "embedding".
        tokenizer: whose vocabulary it is.

    Returns:
        float32 of shape (vocabulary, width).
    """
    tokens = (
        model.input["tokens"]
        if isinstance(model.input, dict)
        else (model.input)
    )
    vectors = keras.Model(tokens, model.get_layer("embedding").output)
    rows = word_rows(tokenizer)[:, None]
    found = vectors.predict(rows, batch_size=_BATCH, verbose=0)
    return found[:, 0].astype(np.float32)


def nearest(
    vectors: np.ndarray,
    vocabulary: Sequence[str],
    words: Sequence[str],
    count: int = 8,
) -> Neighbors:
    """Finds the words whose vectors have the largest cosine with others.

    Args:
        vectors: of shape (vocabulary, width); the first four, which are no
            words, are left out, as are rows of zeros.
        vocabulary: the word of each row.
        words: those whose neighbors are wanted.
        count: neighbors of each.

    Returns:
        Each word with its neighbors and their cosines, the nearest first.
        A word that is not in the vocabulary is left out.

    Example:

    >>> vectors = np.array([[0, 0]] * 4 + [[1, 0], [3, 0], [0, 1], [-1, 1]])
    >>> words = ["[PAD]", "[UNK]", "[MASK]", "[END]", "a", "b", "c", "d"]
    >>> nearest(vectors, words, ["a"], count=2)
    [('a', [('b', 1.0), ('c', 0.0)])]
    """
    lengths = np.linalg.norm(vectors, axis=1)
    kept = _SPECIALS + np.flatnonzero(lengths[_SPECIALS:])
    unit = vectors[kept] / lengths[kept, None]
    names = [vocabulary[number] for number in kept.tolist()]
    index = {name: row for row, name in enumerate(names)}
    found = []
    for word in words:
        if word in index:
            cosines = unit @ unit[index[word]]
            order = np.argsort(-cosines, kind="stable").tolist()
            near = [row for row in order if row != index[word]][:count]
            found.append((word, [(names[r], float(cosines[r])) for r in near]))
    return found


def probe_words(
    vocabulary: Sequence[str], counts: np.ndarray, count: int = 10
) -> list[str]:
    """Chooses words whose neighbors show what was learned.

    They are spread by rank over the frequent ones, but for the very first.
    Single letters and signs are left out, unless there is nothing else.

    Args:
        vocabulary: the word of each id.
        counts: how often each occurs in the texts.
        count: words to choose.

    Example:

    >>> words = [*"____", "the", "of", "tea", "cup", "pot"]
    >>> probe_words(words, np.array([0, 0, 0, 0, 9, 8, 7, 6, 5]), 2)
    ['the', 'pot']
    """
    ranked = _SPECIALS + np.argsort(-counts[_SPECIALS:], kind="stable")
    present = [i for i in ranked.tolist() if counts[i]]
    order = [i for i in present if _is_word(vocabulary[i])] or present
    first = int(_COMMON * len(order))
    last = max(int(_FREQUENT * len(order)), first + 5 * count)
    chosen = order[first:last]
    spread = np.linspace(0, len(chosen) - 1, min(count, len(chosen)))
    return [vocabulary[chosen[int(rank)]] for rank in spread]


def _is_word(token: str) -> bool:
    # from U+2E80 on stand the scripts in which a letter may be a word
    return token.isalpha() and (len(token) > 1 or token >= "\u2e80")
