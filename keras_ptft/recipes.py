"""The recipes that come with the package, by name.

They are `flags/` of the repository, which an installed package holds as a
folder of its own.
"""

import contextlib
import os
import pathlib
import re
import textwrap
from collections.abc import Iterable

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest

SHORT = {
    "digits": ("pretrain_cnn_digits", "finetune_cnn_digits"),
    "mnist": ("pretrain_mlp_mnist", "finetune_mlp_mnist"),
    "mnist_cnn": ("pretrain_cnn_mnist", "finetune_cnn_mnist"),
    "mnist_views": ("pretrain_cnn_mnist_views", "finetune_cnn_mnist_views"),
    "mnist_distilled": ("pretrain_mlp_mnist_teacher", "distill_mlp_mnist"),
    "fashion": ("pretrain_cnn_garments", "finetune_cnn_fashion"),
    "fashion_views": (
        "pretrain_cnn_fashion_views",
        "finetune_cnn_fashion_views",
    ),
    "flowers_distilled": (
        "finetune_efficientnet_flowers_teacher",
        "distill_cnn_flowers",
    ),
    "folder": ("pretrain_cnn_folder", "finetune_cnn_folder"),
    "clinc": ("pretrain_textcnn_requests", "finetune_textcnn_clinc"),
    "sib": ("pretrain_embedding_sib", "finetune_embedding_sib"),
}
"""Recipes that belong together, in the order in which they run."""

_PACKAGE = pathlib.Path(__file__).parent
_INSTALLED = _PACKAGE / "flags"
_SUFFIX = ".flags"
_NAME = re.compile(r"[\w.-]{1,100}")
_TITLE = re.compile(r"# (\w+): (.*)")
_WIDTH = 80


def folder() -> pathlib.Path:
    """Returns the folder of the recipes, in a checkout or installed."""
    return _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "flags"


def names() -> list[str]:
    """Returns the name of every recipe.

    Example:

    >>> "finetune_cnn_digits" in names()
    True
    """
    return sorted(path.stem for path in folder().glob(f"*{_SUFFIX}"))


def resolve(words: Iterable[str]) -> list[str]:
    """Returns the files that words name.

    Args:
        words: paths, names of recipes or short names. A file wins over a
            recipe of the same name.

    Raises:
        UserError: a word names no file, and no recipe.

    Example:

    >>> [os.path.basename(path) for path in resolve(["digits"])]
    ['pretrain_cnn_digits.flags', 'finetune_cnn_digits.flags']
    """
    return [path for word in words for path in _paths(word)]


def is_installed(path: str | os.PathLike) -> bool:
    """Whether a file is part of an installed package, and not the user's."""
    return _INSTALLED.resolve() in pathlib.Path(path).resolve().parents


def header(name: str) -> dict[str, str]:
    """Returns what the first lines of a recipe tell.

    Returns:
        The text of "Purpose", "Command" and "Measured", in their lines.
    """
    found: dict[str, str] = {}
    title = ""
    for line in _text(name).splitlines():
        if not line.startswith("#"):
            break
        if match := _TITLE.fullmatch(line):
            title, found[match[1]] = match.groups()
        elif title:
            found[title] += f"\n{line.lstrip('# ')}"
    return found


def describe(name: str) -> str:
    """Returns the file of a recipe, or for "recipes" a list of all.

    Returns:
        The text; empty if there is no recipe of that name.
    """
    if name == "recipes":
        return _listing()
    return _text(name).rstrip("\n") if name in names() else ""


def _paths(word: str) -> list[str]:
    path = os.path.expanduser(word)
    if os.path.exists(path) and not os.path.isdir(path):
        return [word]
    known = names()
    found = SHORT.get(word, (word,) if word in known else ())
    if not found and not os.path.isdir(path):
        _check_path(word, known)
    return [_shown(name) for name in found] or [word]


def _check_path(word: str, known: list[str]) -> None:
    """Refuses what cannot be the path of a file that is missing."""
    stem = os.path.basename(word).removesuffix(_SUFFIX)
    if stem in known:
        raise UserError(
            f"There is no file {word}, but a recipe of that name comes with "
            f"keras_ptft: write {stem}"
        )
    if _NAME.fullmatch(word) and not word.endswith(_SUFFIX):
        raise UserError(
            f"Expected a recipe, got {word!r}, which is no file and no "
            f"name{nearest(word, [*SHORT, *known])}: see keras-ptft describe "
            "recipes"
        )


def _shown(name: str) -> str:
    """The path of a recipe, as short as it can be written here."""
    path = folder() / f"{name}{_SUFFIX}"
    with contextlib.suppress(ValueError, FileNotFoundError):
        return str(path.relative_to(os.getcwd()))
    return str(path)


def _text(name: str) -> str:
    return files.read_text(folder() / f"{name}{_SUFFIX}")


def _listing() -> str:
    """Every recipe with its purpose and the first sentence of its result."""
    width = max(map(len, SHORT))
    lines = ["Short names, for run; compare and tune take the last of each:"]
    for short, recipes in SHORT.items():
        lines.append(f"  {short:{width}}  {', '.join(recipes)}")
    for name in names():
        told = header(name)
        measured = re.split(r"(?<=\.)\s", told.get("Measured", ""))[0]
        purpose = told.get("Purpose", "")
        lines += ["", name, *_indented(purpose[:1].upper() + purpose[1:])]
        lines += _indented(f"Measured: {measured}")
    return "\n".join([*lines, "", "The whole file: keras-ptft describe NAME"])


def _indented(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_on_hyphens=False,
    )
