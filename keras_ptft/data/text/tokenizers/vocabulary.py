"""The tokens that have an id, and the file that keeps them."""

import hashlib
import pathlib
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from keras_ptft.errors import UserError
from keras_ptft.files import write_text

PAD, UNKNOWN, MASK, END = range(4)
SPECIAL = ("[PAD]", "[UNK]", "[MASK]", "[END]")
_ESCAPE = re.compile(
    r"\\(?:\\|[nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U000[0-9a-f]{5}|U0010[0-9a-f]{4})"
)


def most_common(tokens: Counter[str], most: int, min_count: int) -> list[str]:
    """Returns tokens by how often they occur, then by code points.

    Example:

    >>> most_common(Counter("abracadabra"), 3, min_count=2)
    ['a', 'b', 'r']
    """
    kept = [token for token, count in tokens.items() if count >= min_count]
    return sorted(kept, key=lambda token: (-tokens[token], token))[:most]


def write(
    path: pathlib.Path, vocabulary: Sequence[str], counts: np.ndarray
) -> str:
    """Writes a token per line, with its count after a tab.

    White space, control characters and backslashes become Python's escapes.

    Returns:
        Hex digest of the file.
    """
    pairs = zip(vocabulary, counts.tolist(), strict=True)
    text = "".join(f"{escaped(token)}\t{count}\n" for token, count in pairs)
    write_text(path, text)
    return _digest(text)


def read(path: pathlib.Path, digest: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Reads what `write` wrote.

    Returns:
        The tokens, and their counts, int64.

    Raises:
        UserError: the file is missing, or does not have that digest.
    """
    try:
        text = path.read_bytes().decode()
    except (OSError, ValueError) as error:
        raise UserError(
            f"Cannot read {path}: {error}. Expected the tokens that "
            "keras-ptft wrote: run the stage again."
        ) from error
    if _digest(text) != digest:
        raise UserError(
            f"{path} must hold the tokens that its tokenizer.json was "
            "written with, but was changed: run the stage again."
        )
    pairs = [line.split("\t") for line in text.split("\n")[:-1]]
    counts = np.array([int(count) for _, count in pairs], np.int64)
    return tuple(unescaped(token) for token, _ in pairs), counts


def escaped(token: str) -> str:
    r"""Returns a token without white space or invisible characters.

    Example:

    >>> print(escaped("a\n"), escaped(" "), escaped("中"))
    a\n \x20 中
    """
    return "".join(map(_escaped, token))


def unescaped(text: str) -> str:
    r"""Returns the token that was escaped.

    Example:

    >>> unescaped(escaped("\\n\n")) == "\\n\n"
    True
    """
    return _ESCAPE.sub(lambda m: m[0].encode().decode("unicode_escape"), text)


def _escaped(character: str) -> str:
    if character == " ":
        return r"\x20"
    if character.isprintable() and character != "\\":
        return character
    return character.encode("unicode_escape").decode()


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
