"""A model becomes the next version of a folder that TensorFlow Serving polls.

The version is written beside, loaded back in a fresh process, compared with
the Keras model, and only then renamed into place.
"""

import dataclasses
import errno
import logging
import os
import pathlib
import shutil
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.serving.signatures.arrays import in_float32, write_saved_model
from keras_ptft.serving.signatures.text import text_endpoints
from keras_ptft.serving.verification.expected import Texts, proved, questions
from keras_ptft.serving.versions import new_folder, publish, versions

_LOG = logging.getLogger("keras_ptft")

EXTRA = "assets.extra"
LABELS = f"{EXTRA}/labels.json"
SOURCE = f"{EXTRA}/source.json"


@dataclasses.dataclass(frozen=True)
class Export:
    """A published version.

    Attributes:
        path: its folder.
        version: its number.
        largest_difference: signature to the largest |value - expected| /
            max(1, |expected|) that the proof found.
    """

    path: pathlib.Path
    version: int
    largest_difference: Mapping[str, float]


def export(
    model: keras.Model,
    base_dir: str | os.PathLike,
    *,
    label_names: Sequence[str],
    examples: np.ndarray,
    source: Mapping[str, str] | None = None,
    texts: Texts | None = None,
) -> Export:
    """Publishes a model as the next version in a folder.

    The proof: on each signature, with one example and with all, no logit or
    probability may differ from the Keras model's by more than 1e-5 times
    max(1, |expected|), and labels and words must be the same. A text model
    is asked about the very texts whose ids it was trained on or alike, and
    about odd ones. Nothing is published otherwise.

    Args:
        model: one named input, one output of logits; trained in any
            precision, exported in float32.
        base_dir: folder of integer versions, as `saved_models/digits`.
        label_names: a name for each logit.
        examples: real inputs for the proof, a few hundred at most, of shape
            (examples, *input shape).
        source: what the model comes from, for `find_export`.
        texts: of a text model, what the examples were made from, and how;
            its tokenizer becomes part of the graph, if it can.

    Raises:
        UserError: the folder cannot be written, there are no examples, the
            names do not match the logits, or the proof fails.
    """
    base = pathlib.Path(base_dir)
    classes = model.output_shape[-1]
    if len(label_names) != classes or not len(examples):
        raise UserError(
            f"Expected {classes} label names and at least 1 example to "
            f"export, got {len(label_names)} and {len(examples)}."
        )
    model = in_float32(model)
    asked = questions(model, examples, label_names, texts)
    try:
        partial = new_folder(base)
        try:
            _write(model, partial, label_names, texts)
            differences = proved(partial, asked)
            facts = {"source": source, "largest_difference": differences}
            files.write_json(partial / SOURCE, facts)
            path = publish(partial, base)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except (OSError, tf.errors.OpError) as error:
        raise _unwritable(base, error) from error
    return Export(path, int(path.name), differences)


def find_export(
    base_dir: str | os.PathLike, source: Mapping[str, str]
) -> Export | None:
    """The newest version in a folder if it was made from `source`, or None.

    Args:
        base_dir: folder of integer versions; it need not exist.
        source: what `export` was told.
    """
    try:
        path = versions(pathlib.Path(base_dir))[-1]
        facts = files.read_json(path / SOURCE)
        if facts["source"] != source:
            return None
        return Export(path, int(path.name), facts["largest_difference"])
    except (OSError, UserError, LookupError, TypeError):
        return None


def _write(
    model: keras.Model,
    folder: pathlib.Path,
    label_names: Sequence[str],
    texts: Texts | None,
) -> None:
    endpoints = None
    if texts is not None:
        tokenizer = texts.tokenizer
        endpoints = text_endpoints(model, tokenizer, label_names)
        if not tokenizer.in_graph:
            _LOG.info(
                "Tokenizer %s cannot run in a graph: the export takes tokens.",
                tokenizer.setting,
            )
    write_saved_model(model, folder, endpoints)
    files.write_json(folder / LABELS, list(label_names))
    if texts is not None:
        # for clients that send tokens
        texts.tokenizer.save(folder / EXTRA)


def _unwritable(base: pathlib.Path, error: Exception) -> UserError:
    reason = getattr(error, "strerror", None) or str(error)
    reason = reason.partition("\n")[0]
    # TensorFlow names the operation, its device and a file before it
    if (full := os.strerror(errno.ENOSPC)) in reason:
        reason = full
    return UserError(
        f"Cannot export to {base}: expected a folder that can be written, "
        f"got: {reason}; choose another."
    )
