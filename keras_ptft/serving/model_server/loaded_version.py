"""A version of a SavedModel in memory, which answers."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_ptft.serving.bundle.warmup import (
    MOST_REQUESTS,
    WARMUP_FILE,
    read_warmup,
)
from keras_ptft.serving.model_server.statuses import refused, status_of
from keras_ptft.serving.signatures.signature import Arrays
from keras_ptft.serving.versioning.versions import EXTRA, GRAPH

DEFAULT = "serving_default"
"""The signature of a request that names none."""


class LoadedVersion:
    """A version that was loaded, and has replayed its warm-up.

    Only graphs of TensorFlow are run, no Python of the model's.

    Attributes:
        number: of the version.
        signatures: name to SignatureDef, of those that can be called.
        warmed_up: how many requests of its warm-up were replayed.

    Args:
        folder: of the version, named by its number.

    Raises:
        StatusError: a request of the warm-up fails.
        Exception: whatever TensorFlow says of a folder that is no SavedModel.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.number = int(folder.name)
        # variables of a model live as long as what was loaded
        self._loaded = tf.saved_model.load(os.fspath(folder))
        self.signatures = {
            name: definition
            for name, definition in _definitions(folder).items()
            if name in self._loaded.signatures
        }
        self.warmed_up = self._warm_up(folder / EXTRA)

    def inputs(self, signature: str) -> Mapping[str, tf.TensorSpec]:
        """Returns the inputs of a signature by name.

        Args:
            signature: its name; empty: the default one.

        Raises:
            StatusError: there is no such signature.
        """
        specs: Mapping[str, tf.TensorSpec]
        _, specs = self._function(signature).structured_input_signature
        return specs

    def predict(self, signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature by name; strings are `bytes`.

        Args:
            signature: its name; empty: the default one.
            inputs: by name, of the types and shapes that it takes.

        Raises:
            StatusError: other inputs, or the graph refuses their values.
        """
        function, specs = self._function(signature), self.inputs(signature)
        _check_names(inputs, specs)
        tensors = {
            name: _tensor(name, inputs[name], spec)
            for name, spec in specs.items()
        }
        try:
            outputs = function(**tensors)
        except tf.errors.OpError as error:
            raise status_of(error) from error
        return {name: _array(tensor) for name, tensor in outputs.items()}

    def _function(self, signature: str) -> Any:
        name = signature or DEFAULT
        if name not in self.signatures:
            raise refused(
                f'Serving signature name: "{name}" not found in signature def'
            )
        return self._loaded.signatures[name]

    def _warm_up(self, folder: pathlib.Path) -> int:
        if not (folder / WARMUP_FILE).is_file():
            return 0
        count = 0
        for count, request in enumerate(read_warmup(folder), 1):
            if count > MOST_REQUESTS:
                raise refused(
                    "Number of warmup records exceeds the maximum "
                    f"({MOST_REQUESTS})"
                )
            self.predict(*request)
        return count


def _definitions(folder: pathlib.Path) -> Mapping[str, Any]:
    content = (folder / GRAPH).read_bytes()
    (graph, *_) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    definitions: Mapping[str, Any] = graph.signature_def
    return definitions


def _check_names(inputs: Arrays, specs: Mapping[str, Any]) -> None:
    given, wanted = inputs.keys(), specs.keys()
    if given != wanted:
        raise refused(
            f"input size does not match signature: {len(given)}!="
            f"{len(wanted)}. Sent extra: {_listed(given - wanted)}. Missing "
            f"but required: {_listed(wanted - given)}."
        )


def _listed(names: set[str]) -> str:
    return f"{{{','.join(sorted(names))}}}"


def _tensor(name: str, array: np.ndarray, spec: tf.TensorSpec) -> tf.Tensor:
    dtype = tf.as_dtype(array.dtype)
    if dtype != spec.dtype:
        raise refused(
            f"Expects {name} to be {spec.dtype.name} but {dtype.name} is "
            "provided"
        )
    if not spec.shape.is_compatible_with(array.shape):
        shape = str(spec.shape).replace("None", "?")
        raise refused(
            f"Expects {name} to have the shape {shape} but "
            f"{tf.TensorShape(array.shape)} is provided"
        )
    return tf.constant(array, dtype)


def _array(tensor: tf.Tensor) -> np.ndarray:
    # NumPy's own type for bytes would cut zeros at their ends
    kind = object if tensor.dtype == tf.string else None
    return np.array(tensor.numpy(), kind)
