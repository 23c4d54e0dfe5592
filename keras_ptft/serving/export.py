"""Publishes a model as the next version in a folder of TensorFlow Serving.

The version is written beside, loaded back in a fresh process, compared with
the Keras model, and only then renamed into place.
"""

import dataclasses
import errno
import logging
import os
import pathlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.remote.places import normal
from keras_ptft.remote.storage import check_url
from keras_ptft.serving.signatures.signature import Signature, write_saved_model
from keras_ptft.serving.verification.verify import verify
from keras_ptft.serving.versioning.versions import EXTRA as EXTRA
from keras_ptft.serving.versioning.versions import (
    FACTS,
    new_folder,
    publish,
    versions,
)

_LOG = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True)
class Draft:
    """A version that is not published yet.

    Attributes:
        folder: of the SavedModel, beside the versions.
        base: folder of the versions.
        signatures: what it answers, each with the cases that prove it.
    """

    folder: pathlib.Path
    base: pathlib.Path
    signatures: Sequence[Signature]


Part = Callable[[Draft], Mapping[str, Any]]
"""Adds to a draft, or checks it; returns what FACTS tells of it."""


@dataclasses.dataclass(frozen=True)
class Export:
    """A published version.

    Attributes:
        path: its folder.
        version: its number.
        largest_difference: signature name to the largest |value - expected|
            / max(1, |expected|) that verification found.
    """

    path: pathlib.Path
    version: int
    largest_difference: Mapping[str, float]


def export(
    base_dir: str | os.PathLike,
    signatures: Sequence[Signature],
    *,
    parts: Mapping[str, Part],
    source: Mapping[str, str] | None = None,
) -> Export:
    """Publishes a model as the next version in a folder.

    Nothing is published unless every signature answers all of its cases
    (see `verification.verify.verify`).

    Args:
        base_dir: folder of integer versions, as `saved_models/digits`.
        signatures: what the version answers, at least one, by models in
            float32 (see `signatures.arrays.in_float32`).
        parts: name in FACTS to what adds to the version or checks it, in
            this order, once it answers as the model does.
        source: what the model comes from, for `find_export`.

    Returns:
        The published version.

    Raises:
        UserError: the folder cannot be written, verification fails, or a
            part refuses the version.
    """
    check_export_dir(base_dir)
    base = pathlib.Path(base_dir)
    try:
        partial = new_folder(base)
        try:
            _LOG.info("Writing its %d signatures.", len(signatures))
            write_saved_model(partial, signatures)
            (partial / EXTRA).mkdir(exist_ok=True)
            differences = verify(partial, signatures)
            draft = Draft(partial, base, signatures)
            told = {name: part(draft) for name, part in parts.items()}
            facts = {"source": source, "largest_difference": differences}
            files.write_json(partial / FACTS, {**facts, **told})
            path = publish(partial, base)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except tf.errors.InvalidArgumentError:
        # a graph that refuses its inputs is no fault of the folder
        raise
    except (OSError, tf.errors.OpError) as error:
        raise _unwritable(base, error) from error
    return Export(path, int(path.name), differences)


def check_export_dir(path: str | os.PathLike) -> None:
    """Raises a UserError if no model can be published in `path`.

    Example:

    >>> check_export_dir("saved_models/digits")
    """
    if found := sorted(set("[]*?").intersection(os.fspath(path))):
        raise UserError(
            f"Cannot export to {os.fspath(path)}: expected a path without "
            f"[ ] * ?, which TensorFlow reads as a pattern, got "
            f"{' '.join(found)}; choose another --export_to."
        )
    if files.is_url(path):
        check_url(normal(path), "export_to")
    else:
        files.check_folder(os.fspath(path), "export_to")


def find_export(
    base_dir: str | os.PathLike, source: Mapping[str, str]
) -> Export | None:
    """Returns the newest version in a folder if it was made from `source`.

    Args:
        base_dir: folder of integer versions; it need not exist.
        source: what `export` was given.

    Returns:
        The version, or None.
    """
    try:
        path = versions(pathlib.Path(base_dir))[-1]
        facts = files.read_json(path / FACTS)
        if facts["source"] != source:
            return None
        return Export(path, int(path.name), facts["largest_difference"])
    except (OSError, UserError, LookupError, TypeError):
        return None


def _unwritable(
    base: pathlib.Path, error: OSError | tf.errors.OpError
) -> UserError:
    strerror = error.strerror if isinstance(error, OSError) else None
    reason = (strerror or str(error)).partition("\n")[0]
    # TensorFlow puts the operation, its device and a file before it
    if (full := os.strerror(errno.ENOSPC)) in reason:
        reason = full
    return UserError(
        f"Cannot export to {base}: expected a folder that can be written, "
        f"got: {reason}; choose another."
    )
