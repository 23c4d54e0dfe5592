"""One run folder below a URL, and its working copy."""

import contextlib
import datetime
import logging
import os
import pathlib
import platform
import time
import uuid
from collections.abc import Mapping
from typing import NamedTuple

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.remote.errors import (
    MissingError,
    RemoteError,
    TakenOverError,
)
from keras_ptft.remote.manifest import (
    MANIFEST,
    OBJECTS,
    Entry,
    Manifest,
    files_in,
    new_digest,
    object_of,
)
from keras_ptft.remote.places import ASIDE, STATE, Place
from keras_ptft.remote.storage import Storage, tell_moved

_LOG = logging.getLogger("keras_ptft")

# says that a run is complete, so it is pulled when all else is there
_LAST = "result.json"
# how often what changes meanwhile is looked at again
_TRIES = 5


class _ChangedError(Exception):
    """A file changed while it was uploaded."""


class _State(NamedTuple):
    """What a working copy is to its URL.

    Attributes:
        generation: of the manifest that it was last like; empty: of none.
        next: of the one that was being written.
        dirty: whether it may hold what was not pushed.
    """

    generation: str = ""
    next: str = ""
    dirty: bool = False


class Mirror:
    """Pulls a run to its working copy, and pushes it.

    Args:
        place: the URL of the run folder, and the working copy.
    """

    def __init__(self, place: Place) -> None:
        self.url, self.copy = place
        self._storage = Storage(place.url)
        # by path: size and time of change, and the digest that was found
        self._digests: dict[str, tuple[tuple[int, int], str]] = {}

    def pull(self) -> bool:
        """Makes the working copy what the URL holds.

        What was not pushed stays, unless the URL has changed since: then the
        copy is set aside, and told.

        Returns:
            Whether there is anything.

        Raises:
            RemoteError: the URL cannot be read.
            UserError: it holds something else than a run; or the copy cannot
                be written.
        """
        for _ in range(_TRIES):
            try:
                return self._pull()
            except MissingError:
                # another machine has pushed meanwhile
                continue
        raise RemoteError(
            f"Cannot read {self.url}: expected the files that its {MANIFEST} "
            "names, found some missing; push the run again from where it was "
            "trained."
        )

    def push(self, *, claim: bool = False) -> None:
        """Makes the URL hold what the working copy does.

        Args:
            claim: write a manifest of a new generation even if no file has
                changed, which says that this process trains the run now.

        Raises:
            TakenOverError: another machine has pushed since the last pull or
                push of this one.
            RemoteError: the URL cannot be written.
        """
        for _ in range(_TRIES):
            try:
                self._push(time.monotonic(), claim)
            except _ChangedError:
                continue
            return
        raise RemoteError(
            f"Cannot push {self.copy} to {self.url}: expected files that stay "
            "as they are for a moment, and they change; stop what writes there."
        )

    def mark(self, *, dirty: bool) -> None:
        """Notes whether the copy may hold what was not pushed."""
        self._write_state(self._state()._replace(dirty=dirty))

    def _pull(self) -> bool:
        state, manifest = self._state(), self.manifest()
        is_there = any(files_in(self.copy))
        is_known = _generation(manifest) in (state.generation, state.next)
        if state.dirty and is_there and is_known:
            return True
        is_gone = manifest is None and state.generation
        if is_there and (state.dirty or is_gone):
            self._set_aside()
        if manifest is not None:
            self._take(manifest)
        self._write_state(_State(_generation(manifest)))
        return manifest is not None or any(files_in(self.copy))

    def _take(self, manifest: Manifest) -> None:
        """Fetches what the copy lacks, and removes what it has too much."""
        started, count, size = time.monotonic(), 0, 0
        here = self._scan()
        for name in sorted(manifest.files, key=lambda n: (n == _LAST, n)):
            entry = manifest.files[name]
            if not entry.is_like(here.get(name)):
                self.fetch(name, entry, self.copy / name)
                count, size = count + 1, size + entry.size
        for name in here.keys() - manifest.files.keys():
            (self.copy / name).unlink(missing_ok=True)
        if count:
            tell_moved("Pulled", self.url, count, size, started)

    def fetch(self, name: str, entry: Entry, path: pathlib.Path) -> None:
        """Downloads a file of the run, and verifies it.

        Args:
            name: in the run folder.
            entry: what the manifest says of it.
            path: where it is written, whole or not at all.
        """
        digest = new_digest()
        with files.replacing(path) as partial:
            with open(partial, "wb") as file:
                for chunk in self._storage.chunks(object_of(name, entry)):
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != entry.digest:
                raise RemoteError(
                    f"Cannot read {name} of {self.url}: expected the "
                    f"{entry.size:,} bytes that were pushed, got others in "
                    f"{object_of(name, entry)}; push the run again from where "
                    "it was trained."
                )
            os.utime(partial, (entry.modified, entry.modified))

    def _push(self, started: float, claim: bool) -> None:
        now, before = self._scan(), self.manifest()
        self._check_owner(before)
        if not claim and before and before.has_files(now):
            return
        if not now:
            self._remove(before)
            return
        sent = self._upload(now, before)
        # another machine may have begun while this one uploaded
        self._check_owner(self.manifest())
        after = _manifest_of(now)
        self._write_state(self._state()._replace(next=after.generation))
        self._storage.write(MANIFEST, after.to_json())
        self._write_state(_State(after.generation, dirty=True))
        self._remove_objects(after, before, claim)
        if sent:
            size = sum(now[name].size for name in sent)
            tell_moved("Pushed", self.url, len(sent), size, started)

    def _upload(
        self, now: Mapping[str, Entry], before: Manifest | None
    ) -> list[str]:
        """Uploads what the URL lacks; returns the names of these files."""
        known = before.objects if before else set()
        sent = []
        for name, entry in now.items():
            target = object_of(name, entry)
            if target in known or self._storage.size(target) == entry.size:
                continue
            try:
                self._storage.upload(self.copy / name, target)
            except FileNotFoundError as error:
                raise _ChangedError from error
            if not entry.is_like(self._entry(name)):
                self._storage.remove(target)
                raise _ChangedError
            known.add(target)
            sent.append(name)
        return sent

    def _remove_objects(
        self, after: Manifest, before: Manifest | None, claim: bool
    ) -> None:
        """Removes what no manifest names any more.

        That is what the one before named. Another machine may be uploading:
        only when this one begins is what it left in vain removed too.
        """
        gone = before.objects if before else set()
        if claim:
            names = self._storage.names(OBJECTS)
            gone = {*gone, *(f"{OBJECTS}/{name}" for name in names)}
        for name in sorted(gone - after.objects):
            self._storage.remove(name)

    def _remove(self, before: Manifest | None) -> None:
        """Removes a run of which nothing is left in the copy."""
        if before is not None:
            self._storage.remove(MANIFEST)
            for name in sorted(before.objects):
                self._storage.remove(name)
        self._write_state(_State())

    def _check_owner(self, manifest: Manifest | None) -> None:
        state = self._state()
        if manifest is None or manifest.generation in (
            state.generation,
            state.next,
        ):
            return
        raise TakenOverError(
            f"{self.url} was pushed by {manifest.pushed_by} at "
            f"{manifest.pushed_at}, while this process trained it: expected "
            "one machine at a time, and the one that began last goes on; what "
            f"this one has done stays in {self.copy} until the next command."
        )

    def manifest(self) -> Manifest | None:
        """Reads the manifest; None: there is no run.

        Raises:
            RemoteError: the URL cannot be read.
            UserError: there is something else.
        """
        try:
            content = self._storage.read(MANIFEST)
        except MissingError:
            return None
        return Manifest.from_json(content, self._storage.at(MANIFEST))

    def _scan(self) -> dict[str, Entry]:
        """What the copy holds; a file that has not changed is not read."""
        found = {}
        for name in files_in(self.copy):
            with contextlib.suppress(FileNotFoundError):
                found[name] = self._entry(name)
        return found

    def _entry(self, name: str) -> Entry:
        path = self.copy / name
        stat = path.stat()
        stamp = stat.st_size, stat.st_mtime_ns
        known, digest = self._digests.get(name, (None, ""))
        if known != stamp:
            digest = files.digest_of(path, new_digest())
            self._digests[name] = stamp, digest
        return Entry(stat.st_size, digest, stat.st_mtime)

    def _set_aside(self) -> None:
        """Moves a copy that another machine has gone on without."""
        moment = f"{datetime.datetime.now():%Y%m%d-%H%M%S}"
        mark = uuid.uuid4().hex[:4]
        name = f"{self.copy.name}-{moment}-{mark}"
        aside = self.copy.parent / ASIDE / name
        aside.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self.copy, aside)
        self._digests.clear()
        _LOG.warning(
            "%s has changed since its working copy here was last pushed: going "
            "on from there; what was here is kept in %s.",
            self.url,
            aside,
        )

    def _hidden(self, kind: str) -> pathlib.Path:
        return self.copy.parent / STATE / f"{self.copy.name}.{kind}"

    def _state(self) -> _State:
        try:
            return _State(**files.read_json(self._hidden("json")))
        except (UserError, TypeError):
            # there is none yet
            return _State()

    def _write_state(self, state: _State) -> None:
        files.write_json(self._hidden("json"), state._asdict())

    def lock(self, kind: str) -> pathlib.Path:
        """Returns a file to hold: to "open" the copy, or while its process is
        the one to "write" there."""
        return self._hidden(kind)


def _generation(manifest: Manifest | None) -> str:
    return manifest.generation if manifest else ""


def _manifest_of(entries: Mapping[str, Entry]) -> Manifest:
    now = datetime.datetime.now(datetime.timezone.utc)
    return Manifest(
        generation=uuid.uuid4().hex,
        pushed_by=f"{platform.node()}, process {os.getpid()}",
        pushed_at=now.isoformat(timespec="seconds"),
        files=entries,
    )
