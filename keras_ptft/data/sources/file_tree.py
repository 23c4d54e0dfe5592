"""Files in a folder and below: those of one kind, and what the others are."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Container, Iterator
from typing import NamedTuple

from keras_ptft.data.core.account import SHOWN, LeftOut, left_out
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest

_HIDDEN = "hidden"
_NO_FILE = "that are broken links or no files"
_NOT_NAMED = "that the table does not name"
_OTHER_FORMAT = "of a format that is not read"
# folders that systems make, beside those that begin with a dot
_OF_SYSTEMS = ("__MACOSX", "@eaDir")


@dataclasses.dataclass(frozen=True)
class FileKind:
    """The files that a row of DATASETS reads.

    Attributes:
        row: its name, as an error names it.
        what: plural noun for the files.
        endings: suffixes of the files, in lower case, as ".png".
        otherwise: what else may be done with files that are in no class
            folders, the end of an error's sentence.
        without_labels: returns the setting of --dataset that reads all files
            below a path; None: there is none.
    """

    row: str
    what: str
    endings: tuple[str, ...]
    otherwise: str = ""
    without_labels: Callable[[str], str] | None = None

    def reads(self, name: str) -> bool:
        """Whether a file of this name, without its folders, is read."""
        return not is_hidden(name) and name.lower().endswith(self.endings)


class Listed(NamedTuple):
    """What is in one folder, in order.

    Attributes:
        folders: names of folders and links to folders, without hidden ones.
        hidden: names of hidden folders.
        files: names of all others, hidden ones too.
    """

    folders: list[str]
    hidden: list[str]
    files: list[str]


class FileAccount:
    """Sorts files into those to use and those that are left out.

    Args:
        kind: of the files to use.
        root: the folder that names begin in.

    Attributes:
        kind: of the files to use.
        root: the folder that names begin in.
    """

    def __init__(self, kind: FileKind, root: pathlib.Path) -> None:
        self.kind = kind
        self.root = root
        self._names: dict[tuple[str, str], list[str]] = {}
        self._classes: dict[tuple[str, str], list[str]] = {}
        self._links: list[str] = []

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """All files that are left out, by reason and split."""
        return tuple(
            part
            for (reason, split), names in self._names.items()
            for part in left_out(
                reason,
                names,
                split=split,
                classes=self._classes[reason, split],
            )
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on folders that were not looked into, if any."""
        if not self._links:
            return ()
        dots = ", ..." if len(self._links) > SHOWN else ""
        return (
            "links to folders are not followed: "
            f"{', '.join(self._links[:SHOWN])}{dots}",
        )

    def usable(
        self, folder: pathlib.Path, split: str = "", label: str = ""
    ) -> list[pathlib.Path]:
        """Returns the files to use in a folder and below.

        Args:
            folder: which may be missing.
            split: that the others are accounted for in.
            label: their class.
        """
        found = []
        for path in self._below(folder):
            if reason := self._fault(path):
                self._add(reason, path, split, label)
            else:
                found.append(path)
        return sorted(found, key=lambda path: path.as_posix())

    def leave_out(
        self, reason: str, folder: pathlib.Path, split: str = ""
    ) -> None:
        """Leaves out the files of a folder, and its hidden folders whole."""
        listed = listed_folder(folder)
        for name in listed.files:
            hidden = is_hidden(name)
            self._add(_HIDDEN if hidden else reason, folder / name, split)
        for name in listed.hidden:
            for path in self._below(folder / name):
                self._add(_HIDDEN, path, split)

    def leave_out_below(self, reason: str, folder: pathlib.Path) -> None:
        """Leaves out all files of a folder and below."""
        for path in self._below(folder):
            self._add(_HIDDEN if self._is_hidden(path) else reason, path)

    def leave_out_unnamed(
        self,
        folder: pathlib.Path,
        named: Container[str],
        split: str = "",
        *,
        below: bool = True,
    ) -> None:
        """Leaves out the files of a folder that a table does not name.

        Args:
            folder: to look into.
            named: absolute paths, normalized, of files to pass over.
            split: that the others are accounted for in.
            below: whether to look into its folders too.
        """
        names = listed_folder(folder).files
        here = (folder / name for name in names)
        for path in self._below(folder) if below else here:
            if os.path.abspath(path) not in named:
                reason = self._fault(path) or _NOT_NAMED
                self._add(reason, path, split)

    def _add(
        self,
        reason: str,
        path: pathlib.Path,
        split: str = "",
        label: str = "",
    ) -> None:
        key = reason, split
        self._names.setdefault(key, []).append(relative(path, self.root))
        self._classes.setdefault(key, []).extend([label] if label else [])

    def _below(self, folder: pathlib.Path) -> Iterator[pathlib.Path]:
        for top, folders, names in os.walk(folder, onerror=_refuse):
            folders.sort()
            for name in folders:
                if os.path.islink(os.path.join(top, name)):
                    path = pathlib.Path(top, name)
                    self._links.append(relative(path, self.root))
            for name in sorted(names):
                yield pathlib.Path(top, name)

    def _is_hidden(self, path: pathlib.Path) -> bool:
        """Whether a file, or a folder between the root and it, is hidden."""
        if not path.is_relative_to(self.root):
            return is_hidden(path.name)
        return any(map(is_hidden, path.relative_to(self.root).parts))

    def _fault(self, path: pathlib.Path) -> str:
        """Why a file is not used; empty: it is."""
        if self._is_hidden(path):
            return _HIDDEN
        if not self.kind.reads(path.name):
            return _OTHER_FORMAT
        return "" if path.is_file() else _NO_FILE


def listed_folder(folder: pathlib.Path) -> Listed:
    """Lists a folder.

    Raises:
        UserError: it cannot be read.
    """
    _, folders, files = next(os.walk(folder, onerror=_refuse), ("", [], []))
    shown = sorted(name for name in folders if not is_hidden(name))
    hidden = sorted(name for name in folders if is_hidden(name))
    return Listed(shown, hidden, sorted(files))


def existing_folder(path: str, kind: FileKind) -> pathlib.Path:
    """Returns the folder at a path.

    Raises:
        UserError: there is none.
    """
    root = pathlib.Path(path).expanduser()
    if not root.is_dir():
        found = "is a file"
        if not root.exists():
            found = f"does not exist{_near(root)}"
        raise UserError(
            f"--dataset={kind.row}:{path} must be a folder of class folders, "
            f"but it {found}: correct the path."
        )
    return root


def _near(root: pathlib.Path) -> str:
    """A folder of nearly the same name, where there is one."""
    if not os.access(root.parent, os.R_OK) or not root.parent.is_dir():
        return ""
    return nearest(root.name, listed_folder(root.parent).folders)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is not the user's own.

    Example:

    >>> is_hidden("._cat.png"), is_hidden("__MACOSX"), is_hidden("cat.png")
    (True, True, False)
    """
    return name.startswith(".") or name in _OF_SYSTEMS


def relative(path: pathlib.Path, root: pathlib.Path) -> str:
    """Returns the path from a folder on, in letters that can be printed.

    Example:

    >>> relative(pathlib.Path("a", "b", "c.png"), pathlib.Path("a"))
    'b/c.png'
    """
    name = pathlib.PurePath(os.path.relpath(path, root)).as_posix()
    return "".join(
        letter
        if letter.isprintable()
        else letter.encode("unicode_escape").decode()
        for letter in name
    )


def _refuse(error: OSError) -> None:
    raise UserError(
        f"Cannot read {error.filename}: {error.strerror}. Check its "
        "permissions."
    )
