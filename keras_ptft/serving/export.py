"""A model becomes the next version of a folder that TensorFlow Serving polls.

The version is written beside, loaded back in a fresh process, compared with
the Keras model, and only then renamed into place.
"""

import dataclasses
import errno
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.serving.signatures import in_float32, write_saved_model
from keras_ptft.serving.versions import new_folder, publish, versions

LABELS = "assets.extra/labels.json"
SOURCE = "assets.extra/source.json"
TOLERANCE = 1e-5


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
) -> Export:
    """Publishes a model as the next version in a folder.

    The proof: on each signature, with one example and with all, no logit or
    probability may differ from the Keras model's by more than 1e-5 times
    max(1, |expected|). Nothing is published otherwise.

    Args:
        model: one named input, one output of logits; trained in any
            precision, exported in float32.
        base_dir: folder of integer versions, as `saved_models/digits`.
        label_names: a name for each logit.
        examples: real inputs for the proof, a few hundred at most, of shape
            (examples, *input shape).
        source: what the model comes from, for `find_export`.

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
    answers = _answers(model, examples)
    try:
        partial = new_folder(base)
        try:
            write_saved_model(model, partial)
            files.write_json(partial / LABELS, list(label_names))
            differences = _prove(partial, answers)
            facts = {"source": source, "largest_difference": differences}
            files.write_json(partial / SOURCE, facts)
            path = publish(partial, base)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        reason = reason.partition("\n")[0]
        # TensorFlow names the operation, its device and a file before it
        if (full := os.strerror(errno.ENOSPC)) in reason:
            reason = full
        raise UserError(
            f"Cannot export to {base}: expected a folder that can be "
            f"written, got: {reason}; choose another."
        ) from error
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


def _answers(model: keras.Model, examples: np.ndarray) -> dict[str, np.ndarray]:
    examples = np.asarray(examples, model.inputs[0].dtype)
    # as the proof computes: an accelerator would round differently
    with tf.device("CPU:0"):
        logits = tf.cast(model(examples, training=False), tf.float32)
        probabilities = tf.nn.softmax(logits)
    return {
        "examples": examples,
        "logits": logits.numpy(),
        "probabilities": probabilities.numpy(),
    }


def _prove(
    folder: pathlib.Path, answers: Mapping[str, np.ndarray]
) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as place:
        file = os.path.join(place, "examples.npz")
        np.savez(file, **answers)
        differences = _ask_fresh_process(folder, file)
    worst = max(differences, key=differences.__getitem__)
    if differences[worst] > TOLERANCE:
        raise UserError(
            f"The export differs from the Keras model by "
            f"{differences[worst]:.2g} in {worst!r}, expected at most "
            f"{TOLERANCE:g}: nothing was published; look for a layer that "
            "is random or differs when it serves."
        )
    return differences


def _ask_fresh_process(folder: pathlib.Path, file: str) -> dict[str, float]:
    package = pathlib.Path(__file__).parents[2]
    paths = [str(package), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # this process may hold all of an accelerator's memory
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    command = [sys.executable, "-m", "keras_ptft.serving.prove"]
    done = subprocess.run(
        [*command, os.fspath(folder), file],
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"The export cannot be loaded:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])
