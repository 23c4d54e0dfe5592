"""Publishes versions below a URL, as gs://bucket/models/digits.

TensorFlow Serving takes every number in the folder for a version, whatever is
in it (`file_system_storage_path_source.cc`). One that it cannot load it tries
again five times, a minute apart, unless --max_num_load_retries and
--load_retry_interval_micros say otherwise (`loader_harness.cc`), and serves the
version before meanwhile; then it leaves that number alone as long as it is
there. Object stores have no folders that could be renamed. So a version is
uploaded under a name that is no number; when all is there its objects are
renamed one by one, which an object store does by itself, `saved_model.pb` last.
A server that sees the number between the first rename and the last one should
load it when it tries again; that was read in its sources, not tried. An upload
that dies leaves no number; one that dies among the renames leaves a number
without `saved_model.pb`.
"""

import contextlib
import os
import pathlib
import shutil
import time
import uuid
from collections.abc import Iterator

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.locks import held
from keras_ptft.remote.places import STATE, normal, place_of_url
from keras_ptft.remote.storage import Storage, pathname, tell_moved
from keras_ptft.serving.versioning.versions import (
    EXTRA,
    FACTS,
    GRAPH,
    VERSIONS_FILE,
    is_version,
    versions,
)

_SERVER_FILES = "serving"
# what the next version is compared with, of each version
_READ = (FACTS, f"{EXTRA}/labels.json", GRAPH)


@contextlib.contextmanager
def publishing(export_to: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Gives a local folder of versions, and uploads what is published there.

    Args:
        export_to: folder of versions, which is given itself, or its URL.

    Yields:
        The local folder; of the versions below a URL it has what the next one
        is compared with.

    Raises:
        UserError: the URL cannot be read or written.
    """
    if not files.is_url(export_to):
        yield pathlib.Path(export_to)
        return
    url, base = place_of_url(export_to)
    storage = Storage(url)
    # another export of this machine to the same URL would work in that folder
    with held(base.parent / STATE / f"{base.name}.export"):
        # what an upload that failed left there was not published
        shutil.rmtree(base, ignore_errors=True)
        before = _fetch(storage, base)
        yield base
        after = {path.name for path in versions(base)}
        for number in sorted(after - before, key=int):
            _upload_version(storage, base, number)
        _upload_files(storage, base)
        for number in sorted(before - after, key=int):
            storage.remove_folder(number)


def is_published(path: str) -> bool:
    """Returns whether a version is there, or was replaced by newer ones.

    Args:
        path: folder of the version, or its URL.
    """
    if files.is_url(path):
        base, _, number = normal(path).rpartition("/")
        found = Storage(base).names()
    else:
        folder, number = os.path.split(path)
        found = os.listdir(folder) if os.path.isdir(folder) else []
    return any(int(name) >= int(number) for name in filter(is_version, found))


def path_of(export_to: str, version: pathlib.Path) -> str:
    """Returns where a version is for whoever serves it: a path or a URL."""
    if files.is_url(export_to):
        return f"{normal(export_to)}/{version.name}"
    return str(version)


def _fetch(storage: Storage, base: pathlib.Path) -> set[str]:
    """Downloads what the next version depends on; returns the numbers."""
    base.mkdir(parents=True, exist_ok=True)
    top = storage.names()
    numbers = {name for name in top if is_version(name)}
    whole = {n for n in numbers if storage.size(f"{n}/{GRAPH}") is not None}
    for number in numbers:
        # a number whose upload died stays taken, and is no version
        (base / number).mkdir()
        for name in _READ if number in whole else ():
            _download(storage, base, f"{number}/{name}")
    if whole:
        _hold_places(storage, base, max(whole, key=int))
    if VERSIONS_FILE in top:
        _download(storage, base, VERSIONS_FILE)
    for name in storage.files(_SERVER_FILES):
        _download(storage, base, name)
    return numbers


def _hold_places(storage: Storage, base: pathlib.Path, number: str) -> None:
    """Makes empty files of their sizes, by which memory is estimated."""
    for name in storage.files(number):
        path = base / pathname(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.truncate(path, storage.size(name) or 0)


def _download(storage: Storage, base: pathlib.Path, name: str) -> None:
    if storage.size(name) is None:
        return
    with files.replacing(base / pathname(name)) as partial:
        partial.write_bytes(storage.read(name))


def _upload_version(storage: Storage, base: pathlib.Path, number: str) -> None:
    started, size = time.monotonic(), 0
    partial = f".partial-{number}-{uuid.uuid4().hex[:8]}"
    names = list(_files_in(base / number))
    try:
        for name in names:
            storage.upload(base / number / name, f"{partial}/{name}")
            size += (base / number / name).stat().st_size
        if number in storage.names():
            raise UserError(
                f"Another export took version {number} of {storage.url} "
                "meanwhile: export again, which takes the next one."
            )
        for name in sorted(names, key=lambda name: (name == GRAPH, name)):
            storage.rename(f"{partial}/{name}", f"{number}/{name}")
    finally:
        storage.remove_folder(partial)
    tell_moved("Uploaded", storage.at(number), len(names), size, started)


def _upload_files(storage: Storage, base: pathlib.Path) -> None:
    """Uploads what stands beside the versions."""
    here = [n for n in _files_in(base) if not is_version(n.split("/")[0])]
    for name in here:
        storage.write(name, (base / name).read_bytes())
    there = storage.files(_SERVER_FILES)
    for name in sorted(set(there) - set(here)):
        storage.remove(name)


def _files_in(folder: pathlib.Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not name.parts[0].startswith("."):
            yield name.as_posix()
