"""Opens what may be below a URL, and pushes what becomes of it."""

import contextlib
import logging
import os
import pathlib
from collections.abc import Iterator

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.locks import held, tried
from keras_ptft.remote.errors import (
    NotPushedError,
    RemoteError,
    TakenOverError,
)
from keras_ptft.remote.mirror import Mirror
from keras_ptft.remote.places import Place, normal, place_of, place_of_url

_LOG = logging.getLogger("keras_ptft")

# a run of a comparison, and a file of it, are this far below its folder
_DEEPEST = 3
# what a process pushes, by working copy, with the number of the process
_MIRRORS: dict[pathlib.Path, tuple[int, Mirror]] = {}


def opened(path: str | os.PathLike) -> pathlib.Path:
    """Returns the local path of a run folder, or of a file in one.

    What is below a URL, or in the working copy of one, is pulled first. Any
    other path is returned.

    Args:
        path: a path, or a URL.

    Raises:
        UserError: there is no run at the URL, or it cannot be read.
    """
    if files.is_url(path):
        return _opened_url(normal(path))
    if place := place_of(path):
        _pull(place)
    return pathlib.Path(path)


@contextlib.contextmanager
def mirrored(folder: pathlib.Path, *, writes: bool = True) -> Iterator[None]:
    """Opens a run folder, and pushes it when the block has ended.

    It is pushed too if the block raises. Of several processes on a machine
    the first pushes. A folder that has no URL is left alone.

    Args:
        folder: the run folder, or that of a comparison; it need not exist.
        writes: whether this process is the one that writes there.

    Raises:
        NotPushedError: the block has ended well, but the run cannot be pushed.
        TakenOverError: another machine trains the run.
        UserError: see `opened`.
    """
    place = place_of(folder)
    if place is None or _mirror_of(place):
        yield
        push(folder)
        return
    mirror = Mirror(place)
    with contextlib.ExitStack() as stack:
        with held(mirror.lock("open")):
            free = stack.enter_context(tried(mirror.lock("write")))
            if free:
                mirror.pull()
            if not writes:
                stack.close()
        if free and writes:
            stack.enter_context(_pushing(mirror))
        elif writes:
            _LOG.info("Another process here pushes to %s.", mirror.url)
        yield


def push(folder: str | os.PathLike, *, claim: bool = False) -> None:
    """Pushes what this process mirrors; it may fail, which is told.

    Args:
        folder: a run folder, or one in it, as of the training from scratch.
        claim: as in `Mirror.push`.

    Raises:
        TakenOverError: another machine trains the run.
    """
    place = place_of(folder)
    mirror = _mirror_of(place) if place else None
    if mirror is None:
        return
    try:
        mirror.push(claim=claim)
    except TakenOverError:
        raise
    except RemoteError as error:
        _LOG.warning(
            "Not pushed, to be tried again at the next checkpoint: %s", error
        )


@contextlib.contextmanager
def _pushing(mirror: Mirror) -> Iterator[None]:
    mirror.mark(dirty=True)
    _MIRRORS[mirror.copy] = os.getpid(), mirror
    try:
        yield
    except TakenOverError:
        # the copy is behind now, and set aside by the next command
        raise
    except BaseException:
        _push_failed(mirror)
        raise
    else:
        _push_last(mirror)
    finally:
        del _MIRRORS[mirror.copy]


def _push_last(mirror: Mirror) -> None:
    try:
        mirror.push()
    except TakenOverError:
        raise
    except RemoteError as error:
        raise NotPushedError(
            f"The run is in {mirror.copy} and not in {mirror.url}: {error} The "
            "same command pushes it."
        ) from error
    mirror.mark(dirty=False)


def _push_failed(mirror: Mirror) -> None:
    """Pushes what a run has left that failed or was interrupted."""
    try:
        mirror.push()
    except RemoteError as error:
        _LOG.warning("Not pushed, it is in %s: %s", mirror.copy, error)
    else:
        mirror.mark(dirty=False)


def _mirror_of(place: Place) -> Mirror | None:
    """What this process pushes; one that was forked has it from its parent."""
    pid, mirror = _MIRRORS.get(place.copy) or (0, None)
    return mirror if pid == os.getpid() else None


def _pull(place: Place) -> bool:
    """Pulls a run, unless a process of this machine is training it."""
    if _mirror_of(place):
        return True
    mirror = Mirror(place)
    if mirror.manifest() is None and not place.copy.exists():
        return False
    # whoever begins to write does so under the first lock, so that it never
    # finds the second one taken by a reader
    with held(mirror.lock("open")), tried(mirror.lock("write")) as free:
        return mirror.pull() if free else True


def _opened_url(url: str) -> pathlib.Path:
    place = place_of_url(url)
    below = pathlib.PurePosixPath()
    for _ in range(_DEEPEST):
        if _pull(place):
            return place.copy / below
        below = place.copy.name / below
        try:
            place = place_of_url(place.url.rpartition("/")[0])
        except UserError:
            # that is the bucket
            break
    raise UserError(
        f"No run at {url}: expected one that was pushed there, with --runs_dir "
        f"as a URL; see keras-ptft runs {url.rpartition('/')[0]}."
    )
