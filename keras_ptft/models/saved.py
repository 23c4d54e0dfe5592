"""The one place where a `.keras` file is read, safely."""

import concurrent.futures
import copy
import json
import math
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.errors import UserError, first_line
from keras_ptft.models.structure import input_tensors, output_tensors
from keras_ptft.registry import MODULES

# Keras stores its files uncompressed: more growth than this is an attack
_MAX_GROWTH = 100
_ALLOWANCE = 2**26


def load_model(path: str | os.PathLike) -> keras.Model:
    """Reads a functional model, of which several inputs or outputs are named.

    Nothing in the file is run: a Lambda layer is refused.

    Args:
        path: a `.keras` file.

    Returns:
        The model, not compiled.

    Raises:
        UserError: the file cannot be read, carries code, comes from another
            version of Keras, takes far more memory than it has bytes, or
            holds a model of another kind.
    """
    try:
        _check_memory(path)
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except UserError:
        raise
    # a broken file fails in as many ways as it can be broken
    except Exception as error:
        raise UserError(_unreadable(path, error)) from error
    return functional(f"model in {path}", model)


def _check_memory(path: str | os.PathLike) -> None:
    """Refuses what grows beyond the size of the file and of its weights."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        stored = sum(member.compress_size for member in members)
        if size > _ALLOWANCE + _MAX_GROWTH * stored:
            raise UserError(
                f"Refused to read {path}: its {stored:,} bytes would become "
                f"{size:,}, expected at most {_MAX_GROWTH} times as many: "
                "save the model again."
            )
        config = json.loads(archive.read("config.json"))
        _check_layers(path, config)
        held = archive.getinfo("model.weights.h5").file_size
    # what Keras notes of variables that it is to make ends with the thread
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        needed = thread.submit(_bytes_of_weights, config).result()
    if needed > _ALLOWANCE + 2 * held:
        raise UserError(
            f"Refused to read {path}: its layers need {needed:,} bytes of "
            f"weights, the file holds {held:,}: save the model again."
        )


def _bytes_of_weights(config: Mapping[str, Any]) -> int:
    """How much memory the weights of a model take, without taking it."""
    with tf.Graph().as_default():
        try:
            # makes no variables, in a fifth of the time
            with keras.StatelessScope(initialize_variables=False):
                model = _deserialized(config)
        # some layers set variables to a value at once; a graph has no memory
        except Exception:
            model = _deserialized(config)
        variables = model.variables if isinstance(model, keras.Layer) else ()
    return sum(
        math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables
    )


def _deserialized(config: Mapping[str, Any]) -> Any:
    return keras.saving.deserialize_keras_object(
        copy.deepcopy(config), safe_mode=True
    )


def _check_layers(path: str | os.PathLike, config: Any) -> None:
    """Refuses a layer that runs a SavedModel, in whatever way it is named.

    The safe mode of Keras 3.12 loads it, and later ones where a function is
    expected.
    """
    if "TFSMLayer" in json.dumps(config):
        raise UserError(
            f"Refused to load {path}: expected only layers, got a TFSMLayer, "
            "which runs a SavedModel of whoever wrote the file; rebuild the "
            "model of Keras layers and save again."
        )


def functional(what: str, model: Any) -> keras.Model:
    """Returns a functional model; of a Sequential one that of its layers.

    Args:
        what: what the model is called in an error, as "backbone".
        model: that was loaded, or handed over.

    Raises:
        UserError: it is none, or has several inputs or outputs without names.
    """
    if isinstance(model, keras.Sequential) and model.built:
        return keras.Model(model.inputs, model.outputs[0], name=model.name)
    if not isinstance(model, keras.Function):
        raise UserError(
            f"The {what} must be functional, got "
            f"{type(model).__name__}: rebuild it from keras.Input."
        )
    try:
        input_tensors(model), output_tensors(model)
    except ValueError:
        raise UserError(
            f"The {what} has {len(model.inputs)} input(s) and "
            f"{len(model.outputs)} output(s), of which several must be named: "
            "rebuild it as keras.Model({name: tensor, ...}, ...)."
        ) from None
    return model


def _unreadable(path: str | os.PathLike, error: Exception) -> str:
    if "Lambda" in str(error):
        return (
            f"Refused to load {path}: expected only layers, got a Lambda "
            "layer, which runs any code of whoever wrote the file; write it "
            "as a registered layer and save again."
        )
    if "keras_hub" in str(error) and "cannot be imported" in str(error):
        return (
            f"The model in {path} has layers of KerasHub, which is not "
            'installed: pip install "keras_ptft[hub]".'
        )
    if (version := _version(path)) not in ("", keras.__version__):
        remedy = f"it was saved by Keras {version}, this is "
        remedy += f"{keras.__version__}; use that version, or save again"
    elif "Could not locate" in str(error):
        remedy = "import the module that registers its own layers, or name it "
        remedy += f"in {MODULES}"
    else:
        remedy = "save the model again"
    return (
        f"Cannot read the model {path}, expected a .keras file of layers "
        f"that Keras knows: {_reason(error)}: {remedy}."
    )


def _version(path: str | os.PathLike) -> str:
    """The version of Keras that saved a file, or nothing if unknown."""
    try:
        with zipfile.ZipFile(path) as archive:
            metadata = json.loads(archive.read("metadata.json"))
            return str(metadata["keras_version"])
    # the caller reports a broken file
    except Exception:
        return ""


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = first_line(error).strip(" .:")
    return f"{text[:200]}..." if len(text) > 200 else text
