"""Checkpoint files: written atomically, verified when read, few kept."""

import dataclasses
import hashlib
import json
import logging
import os
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_ptft import files
from keras_ptft.errors import DiskError, UserError, first_line

_LOG = logging.getLogger("keras_ptft")

_NAME = re.compile(r"step-(\d{9,})-([0-9a-f]{32})\.npz")
_FACTS = "facts"


@dataclasses.dataclass(frozen=True)
class Interval:
    """How often a checkpoint is due; a field that is 0 does not count.

    Attributes:
        steps: after so many steps.
        seconds: after so many seconds.
        epochs: at the end of each epoch (0 or 1).
    """

    steps: int = 0
    seconds: float = 0.0
    epochs: int = 0


def parse_interval(text: str) -> Interval:
    """Parses "epoch", "never", steps as "500" or seconds as "60s".

    Raises:
        UserError: none of these.

    Example:

    >>> parse_interval("60s")
    Interval(steps=0, seconds=60.0, epochs=0)
    """
    if text in ("epoch", "never"):
        return Interval(epochs=int(text == "epoch"))
    match = re.fullmatch(r"([1-9]\d{0,8})(s?)", text)
    if not match:
        raise UserError(
            "--checkpoint_every must be epoch, never, steps as 500 or "
            f"seconds as 60s, got {text!r}."
        )
    if match[2]:
        return Interval(seconds=float(match[1]))
    return Interval(steps=int(match[1]))


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A training at one step.

    Attributes:
        step: steps done.
        arrays: values of variables by name, of any shape and dtype.
        facts: everything else, as JSON; "resumed" lists the steps at which
            the training was resumed so far.
    """

    step: int
    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]

    @property
    def resumed(self) -> list[int]:
        """The value of "resumed" for a training that resumes from here."""
        return [*self.facts["resumed"], self.step]


class Checkpoints:
    """A folder of checkpoints, each complete or absent.

    A checkpoint is a NumPy archive, `step-<step>-<digest>.npz`, named after
    its step and a digest of its content. Other files are left alone.

    Args:
        folder: where they are; created when the first is written.
        keep: how many of the latest are kept.
        interval: how often one is due.
        on_write: called when one was written.

    Example:

    >>> import tempfile
    >>> checkpoints = Checkpoints(tempfile.mkdtemp())
    >>> checkpoints.write(Checkpoint(7, {"w": np.eye(2)}, {"epoch": 1}))
    >>> checkpoints.latest().facts
    {'epoch': 1}
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        keep: int = 2,
        interval: Interval = Interval(epochs=1),
        on_write: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = pathlib.Path(folder)
        self.keep = keep
        self.interval = interval
        self._on_write = on_write

    def write(self, checkpoint: Checkpoint, best: int | None = None) -> None:
        """Writes a checkpoint, and removes those that are no longer kept.

        Later ones are removed too: they were damaged, and the training was
        resumed from an earlier one.

        Args:
            checkpoint: what to write.
            best: step of the best checkpoint so far, which is kept.

        Raises:
            DiskError: the folder cannot be written, or the disk is full.
        """
        facts = np.array(json.dumps(dict(checkpoint.facts)))
        arrays: dict[str, Any] = {**checkpoint.arrays, _FACTS: facts}
        name = f"step-{checkpoint.step:09d}-{_digest(arrays)}.npz"
        with (
            files.replacing(self.folder / name) as partial,
            open(partial, "wb") as file,
        ):
            np.savez(file, **arrays)
        paths = self._newest_first()
        earlier = [p for p in paths if _parsed(p)[0] < checkpoint.step]
        kept = {self.folder / name, *earlier[: self.keep - 1]}
        kept |= {path for path in earlier if _parsed(path)[0] == best}
        for path in paths:
            if path not in kept:
                path.unlink(missing_ok=True)
        self._on_write()

    def latest(self) -> Checkpoint | None:
        """Reads the last intact checkpoint; None if there is none.

        Damaged ones are skipped with a warning.
        """
        for path in self._newest_first():
            try:
                return _read(path)
            except Exception as error:
                # damaged bytes can make a parser raise anything, and the
                # checksum covers the whole content
                _LOG.warning(
                    "Checkpoint %s is damaged (%s): skipping it, and "
                    "resuming from an earlier one or from the start.",
                    path,
                    first_line(error),
                )
        return None

    def latest_step(self) -> int | None:
        """Returns the step of the last checkpoint, intact or not, if any."""
        paths = self._newest_first()
        return _parsed(paths[0])[0] if paths else None

    def latest_path(self) -> pathlib.Path | None:
        """Returns the file of the last checkpoint, intact or not, if any."""
        return next(iter(self._newest_first()), None)

    def remove(self) -> None:
        """Removes every checkpoint, and the folder if it is then empty.

        Raises:
            DiskError: a checkpoint cannot be removed.
        """
        try:
            for path in self._newest_first():
                path.unlink(missing_ok=True)
            if self.folder.is_dir() and not any(self.folder.iterdir()):
                self.folder.rmdir()
        except OSError as error:
            raise DiskError(
                f"Cannot clear {self.folder}: {error.strerror}. Choose "
                "another --name."
            ) from error

    def _newest_first(self) -> list[pathlib.Path]:
        if not self.folder.is_dir():
            return []
        paths = (p for p in self.folder.iterdir() if _NAME.fullmatch(p.name))
        return sorted(paths, key=_parsed, reverse=True)


def _read(path: pathlib.Path) -> Checkpoint:
    # given a path, np.load would leave a damaged file open
    with open(path, "rb") as file, np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    step, digest = _parsed(path)
    if _digest(arrays) != digest:
        raise ValueError("its checksum differs")
    facts = json.loads(str(arrays.pop(_FACTS)))
    return Checkpoint(step, arrays, facts)


def _parsed(path: pathlib.Path) -> tuple[int, str]:
    """Returns the step and the digest in a checkpoint's name."""
    step, digest = path.stem.removeprefix("step-").split("-")
    return int(step), digest


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
