"""A text as the tokens that a model reads."""

from collections.abc import Sequence

from keras_ptft.data.text.tokenizers import UNKNOWN, Tokenizer

_UNREADABLE = "\ufffd"
# of pieces that continue a word
_AFTER = "##"


def token_pieces(
    tokenizer: Tokenizer, ids: Sequence[int], text: str
) -> list[str]:
    """Returns each token as it stands in the text that they make.

    Args:
        tokenizer: what made the tokens.
        ids: one of each token.
        text: which they were made of; words that the model does not know
            are read from it, unknown pieces of words are not.

    Returns:
        Texts that are the whole when joined: a token has the space before
        it, if there is one.

    Example:

    >>> known = ("[PAD]", "[UNK]", "[MASK]", "[END]", "un", "##able", "to")
    >>> tokenizer = Tokenizer.given("wordpiece", known, 8)
    >>> token_pieces(tokenizer, [4, 5, 6], "unable to")
    ['un', 'able', ' to']
    """
    tokens = _tokens(tokenizer, ids, text)
    if tokenizer.scheme.parts is not None:
        return tokenizer.scheme.parts(tokens)
    whole, start = tokenizer.scheme.join(tokens), 0
    pieces = []
    for token in tokens:
        place = whole.find(token, start)
        if place < 0:
            token = token.removeprefix(_AFTER)
            place = max(whole.find(token, start), start)
        pieces.append(whole[start : place + len(token)])
        start = place + len(token)
    return pieces


def _tokens(
    tokenizer: Tokenizer, ids: Sequence[int], text: str
) -> Sequence[str]:
    if not tokenizer.scheme.cuts:
        (words,) = tokenizer.scheme.split([text]).to_list()
        if len(words) >= len(ids):
            return [word.decode() for word in words[: len(ids)]]
    return [
        _UNREADABLE if index == UNKNOWN else tokenizer.vocabulary[index]
        for index in ids
    ]
