"""Locks of this machine's processes; each goes with its process."""

import contextlib
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def held(path: pathlib.Path) -> Iterator[None]:
    """Waits until no other process holds a file or folder, and holds it.

    Where a system or a file system has no locks nothing is held.

    Args:
        path: a folder that exists, or a file, which is made.
    """
    if os.name == "nt":
        yield
        return
    import fcntl

    with _opened(path) as descriptor:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def tried(path: pathlib.Path) -> Iterator[bool]:
    """Holds a file if no other process does, and says whether."""
    if os.name == "nt":
        yield True
        return
    import fcntl

    with _opened(path) as descriptor:
        free = True
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
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, flags, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
