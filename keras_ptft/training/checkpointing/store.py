"""Checkpoints on disk: whole, checked when read, a few of them kept."""

import dataclasses
import hashlib
import json
import logging
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_ptft import files
from keras_ptft.errors import DiskError, UserError, first_line

_LOG = logging.getLogger("keras_ptft")

_NAME = re.compile(r"step-(\d{9,})-([0-9a-f]{32})\.npz")
_FACTS = "facts"


@dataclasses.dataclass(frozen=True)
class Interval:
    """How often a checkpoint is due; 0 is never on its own account.

    Attributes:
        steps: after so many steps.
        seconds: after so many seconds.
        epochs: at the end of an epoch (0 or 1).
    """

    steps: int = 0
    seconds: float = 0.0
    epochs: int = 0


def parse_interval(text: str) -> Interval:
    """Reads "epoch", "never", steps as "500" or seconds as "60s".

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
    if match.group(2):
        return Interval(seconds=float(match.group(1)))
    return Interval(steps=int(match.group(1)))


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A training at one moment.

    Attributes:
        step: steps done.
        arrays: values of variables by name, of any shape and dtype.
        facts: all else, as JSON can hold it; under "resumed" the steps at
            which the training was taken up again.
    """

    step: int
    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]

    @property
    def resumed(self) -> list[int]:
        """What "resumed" is for a training that goes on from here."""
        return [*self.facts["resumed"], self.step]


class Checkpoints:
    """A folder of checkpoints, each there whole or not at all.

    A checkpoint is a NumPy archive, `step-<step>-<digest>.npz`, whose name
    tells the step and a digest of its content. Files of other names are
    left alone.

    Args:
        folder: where they are; made when the first is written.
        keep: how many of the latest are kept.
        interval: how often one is due.

    Example:

    >>> import tempfile
    >>> checkpoints = Checkpoints(tempfile.mkdtemp())
    >>> checkpoints.write(Checkpoint(7, {"w": np.eye(2)}, {"epoch": 1}))
    >>> checkpoints.latest().facts
    {'epoch': 1}
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        *,
        keep: int = 2,
        interval: Interval = Interval(epochs=1),
    ) -> None:
        self.folder = pathlib.Path(folder)
        self.keep = keep
        self.interval = interval

    def write(self, checkpoint: Checkpoint, best: int | None = None) -> None:
        """Writes a checkpoint, and removes those that are kept no longer.

        These include later ones: they were damaged, and passed over when
        the training was taken up before them.

        Args:
            checkpoint: what to write.
            best: the step of the best one so far, which stays.

        Raises:
            DiskError: the folder cannot be written, or the disk is full.
        """
        facts = np.array(json.dumps(dict(checkpoint.facts)))
        arrays = {**checkpoint.arrays, _FACTS: facts}
        name = f"step-{checkpoint.step:09d}-{_digest(arrays)}.npz"
        with (
            files.replacing(self.folder / name) as partial,
            open(partial, "wb") as file,
        ):
            np.savez(file, **arrays)
        paths = self._newest_first()
        earlier = [p for p in paths if _step(p) < checkpoint.step]
        kept = {self.folder / name, *earlier[: self.keep - 1]}
        kept |= {path for path in earlier if _step(path) == best}
        for path in paths:
            if path not in kept:
                path.unlink(missing_ok=True)

    def latest(self) -> Checkpoint | None:
        """The last checkpoint that can be read whole, or None.

        One that is damaged is passed over with a warning.
        """
        for path in self._newest_first():
            try:
                return _read(path)
            except Exception as error:
                # there is nothing that damaged bytes cannot make a parser
                # raise, and the checksum knows all of the content
                _LOG.warning(
                    "Checkpoint %s is damaged (%s): it is passed over for "
                    "the one before, or for the start.",
                    *(path, first_line(error)),
                )
        return None

    def remove(self) -> None:
        """Removes every checkpoint, and the folder if nothing else is in it.

        Raises:
            DiskError: one cannot be removed.
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
        return sorted(paths, key=_step, reverse=True)


def _read(path: pathlib.Path) -> Checkpoint:
    # NumPy would leave open what it finds damaged
    with open(path, "rb") as file, np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if _digest(arrays) != _NAME.fullmatch(path.name).group(2):
        raise ValueError("its checksum differs")
    facts = json.loads(str(arrays.pop(_FACTS)))
    return Checkpoint(_step(path), arrays, facts)


def _step(path: pathlib.Path) -> int:
    return int(_NAME.fullmatch(path.name).group(1))


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
