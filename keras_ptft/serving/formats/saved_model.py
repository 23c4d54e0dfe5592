"""The SavedModel of a version, run as the other formats are."""

import pathlib

import tensorflow as tf

from keras_ptft.serving.formats.format import Run
from keras_ptft.serving.inference.resolve import load_signature
from keras_ptft.serving.signatures.signature import Arrays

_PARTS = "saved_model.pb", "fingerprint.pb", "variables/*", "assets/*"


def load(folder: pathlib.Path, signature: str) -> Run:
    """Returns what runs a signature with TensorFlow, on the CPU.

    Args:
        folder: of the version.
        signature: its name.

    Raises:
        UserError: the version cannot be read.
    """
    with tf.device("CPU:0"):
        function, inputs, outputs = load_signature(folder, signature)
    names = [name for name, spec in outputs.items() if spec.dtype != "string"]

    def run(given: Arrays) -> Arrays:
        with tf.device("CPU:0"):
            tensors = {
                name: tf.constant(given[name], spec.dtype)
                for name, spec in inputs.items()
            }
            found = function(tensors)
        return {name: found[name].numpy() for name in names}

    return run


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files of a SavedModel, without what is kept beside it."""
    return [path for part in _PARTS for path in folder.glob(part)]
