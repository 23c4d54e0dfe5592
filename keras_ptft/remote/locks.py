"""Locks of this machine's processes; each goes with its process."""

import contextlib
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def held(path: pathlib.Path) -> Iterator[None]:
    """Waits until no other process holds a file, and holds it.

    Where a file system has no locks nothing is held.
    """
    with _opened(path) as descriptor:
        if os.name != "nt":
            import fcntl

            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def tried(path: pathlib.Path) -> Iterator[bool]:
    """Holds a file if no other process does, and says whether."""
    with _opened(path) as descriptor:
        free = True
        if os.name != "nt":
            import fcntl

            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                free = False
            except OSError:
                # no locks here
                free = True
        yield free


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
