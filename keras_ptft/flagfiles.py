"""Flagfiles: a setting a line, and lines that are none (no TensorFlow)."""

import os
import re
from collections.abc import Iterable, Iterator

from keras_ptft import files
from keras_ptft.errors import UserError

_FLAGFILE = re.compile("--?flagfile(?:=(.*))?")
_COMMENT = re.compile(r"(^|\s)#")
# of a call, in which a # stands in quotes alone
_CALL = re.compile(r"""\w+\((?:[^"'#]|"[^"]*"|'[^']*')*\)""")


def expanded(words: Iterable[str]) -> Iterator[str]:
    """Yields words, and in the place of a flagfile its settings.

    Args:
        words: of a command line, as --flagfile=FILE or --setting=value; what
            follows -- is left as it is.

    Raises:
        UserError: a flagfile that cannot be read, that includes itself, or
            with a comment behind a setting.

    Example:

    >>> list(expanded(["--epochs=3", "--", "--flagfile=none.flags"]))
    ['--epochs=3', '--', '--flagfile=none.flags']
    """
    left = iter(words)
    for word in left:
        if word == "--":
            yield from (word, *left)
        elif found := _FLAGFILE.fullmatch(word):
            file = next(left, "") if found[1] is None else found[1]
            yield from _lines(file)
        else:
            yield word


def _lines(file: str, within: tuple[str, ...] = ()) -> Iterator[str]:
    """Yields the settings in a flagfile, and in those that it names."""
    if not file:
        raise UserError("--flagfile needs a file: write --flagfile=FILE.")
    if file in within:
        raise UserError(
            f"--flagfile={within[0]} includes itself, maybe through others: "
            "remove the line --flagfile=... that leads back."
        )
    for line in _text(os.path.expanduser(file)).split("\n"):
        setting = line.strip()
        if found := _FLAGFILE.fullmatch(setting):
            yield from _lines(found[1] or "", (*within, file))
        elif setting and not line.startswith(("#", "//")):
            _check_comment(setting, file)
            yield setting


def _text(path: str) -> str:
    try:
        return files.read_text(path)
    except UnicodeDecodeError as error:
        raise UserError(
            "A recipe or flagfile must be text in UTF-8: write it as such."
        ) from error
    except OSError as error:
        raise UserError(
            f"Cannot open the recipe or flagfile {error.filename}: "
            f"{error.strerror}; check the path."
        ) from error


def _check_comment(line: str, file: str) -> None:
    """Refuses a comment that would become part of a value.

    A # after space belongs to the value where that, or what follows NAME: in
    it, is a path that exists, from here or from the folder that holds the
    run folder of a run's own flagfile, which names runs; or where it stands
    in the quotes of a call.
    """
    if not _COMMENT.search(line):
        return
    value = line.partition("=")[2]
    runs_dir = os.path.join(os.path.dirname(file), os.pardir)
    for path in (value, value.partition(":")[2]):
        for folder in ("", runs_dir):
            found = os.path.join(folder, os.path.expanduser(path))
            if _COMMENT.search(path) and os.path.exists(found):
                return
    if not _CALL.fullmatch(value):
        raise UserError(
            f"Expected one setting a line, got {line!r}: give the comment a "
            "line of its own; a path that holds a # must exist."
        )
