"""What a run is made of: the names, sizes and digests of its files."""

import dataclasses
import hashlib
import json
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from keras_ptft.errors import UserError
from keras_ptft.remote.storage import pathname

MANIFEST = "manifest.json"
"""Object that holds it, in the folder of the run."""
OBJECTS = "objects"
"""Folder of the objects that it names."""

_SCHEMA = 1
_DIGEST = re.compile("[0-9a-f]{32}")
# what is being written, and features of private examples
_LEFT_HERE = (".partial-", ".private-")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One file of a run.

    Attributes:
        size: bytes.
        digest: BLAKE2b of its content, 16 bytes as hexadecimal digits.
        modified: seconds since 1970.
    """

    size: int
    digest: str
    modified: float

    def is_like(self, other: "Entry | None") -> bool:
        """Returns whether the content is the same."""
        return other is not None and self.digest == other.digest


def object_of(name: str, entry: Entry) -> str:
    """Returns the object that holds a file.

    It is named by the content, so it never changes, and by the file, so that
    who looks into the bucket sees what it is.
    """
    return f"{OBJECTS}/{entry.digest}-{name.rpartition('/')[2]}"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The state of a run below a URL.

    Attributes:
        generation: a name that no other state has.
        pushed_by: the machine, for people.
        pushed_at: when, for people.
        files: by their paths in the run folder.
    """

    generation: str
    pushed_by: str
    pushed_at: str
    files: Mapping[str, Entry]

    @property
    def objects(self) -> set[str]:
        """The objects that it names."""
        return {object_of(name, entry) for name, entry in self.files.items()}

    def has_files(self, files: Mapping[str, Entry]) -> bool:
        """Returns whether it names the same files of the same content."""
        return self.files.keys() == files.keys() and all(
            entry.is_like(files[name]) for name, entry in self.files.items()
        )

    def to_json(self) -> bytes:
        """Returns it as JSON."""
        found = {"schema": _SCHEMA, **dataclasses.asdict(self)}
        return json.dumps(found, indent=1, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, content: bytes, where: str) -> "Manifest":
        """Reads what `to_json` returned, by whomever it was written.

        Args:
            content: of the object.
            where: its URL, for errors.

        Raises:
            UserError: it is no manifest, or names a file elsewhere.
        """
        try:
            found = json.loads(content)
            schema = found.pop("schema")
            entries = {k: Entry(**v) for k, v in found.pop("files").items()}
            manifest = cls(files=entries, **found)
            is_known = schema == _SCHEMA and all(
                map(_is_valid, entries.values())
            )
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            raise _unreadable(where) from error
        named = isinstance(manifest.generation, str) and manifest.generation
        if not is_known or not named:
            raise _unreadable(where)
        for name in entries:
            pathname(name)
        return manifest


def new_digest() -> Any:
    """Returns what computes the digest of an `Entry`."""
    return hashlib.blake2b(digest_size=16)


def files_in(folder: pathlib.Path) -> Iterator[str]:
    """Yields the paths of the files in a folder and below it, sorted.

    Those that are being written do not count, nor do links, nor what is kept
    of private examples while they are trained on.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_symlink() or not path.is_file():
            continue
        if not any(part.startswith(_LEFT_HERE) for part in name.parts):
            yield name.as_posix()


def _is_valid(entry: Entry) -> bool:
    return (
        isinstance(entry.size, int)
        and isinstance(entry.modified, int | float)
        and isinstance(entry.digest, str)
        and _DIGEST.fullmatch(entry.digest) is not None
    )


def _unreadable(where: str) -> UserError:
    return UserError(
        f"Cannot read {where}: expected a manifest of schema {_SCHEMA}, as "
        "this version of keras-ptft writes it; use the version that wrote it."
    )
