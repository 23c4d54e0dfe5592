"""The one place where a `.keras` file is read, safely."""

import json
import os
import zipfile
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError

_CONFIG, _METADATA = "config.json", "metadata.json"
_WEIGHTS = "model.weights.h5"
# Keras stores its files as they are: what grows more was packed to harm
_MOST_GROWTH = 100
_ROOM = 2**26


def load_model(path: str | os.PathLike) -> keras.Model:
    """Reads a functional model with one input and one output.

    Nothing in the file is run: a Lambda layer is refused. Its layers are
    built without weights first, and are refused where they would take more
    memory than the file has weights for.

    Args:
        path: a `.keras` file.

    Raises:
        UserError: the file cannot be read, carries code, comes from another
            version of Keras, takes more memory than it has weights for, or
            holds another kind of model.
    """
    try:
        declared = _declared(path)
        _check_weights(path, *declared)
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except UserError:
        raise
    # a broken file fails in as many ways as it can be broken
    except Exception as error:
        raise UserError(_unreadable(path, error)) from error
    ends = getattr(model, "inputs", ()), getattr(model, "outputs", ())
    if tuple(map(len, map(tuple, ends))) != (1, 1):
        raise UserError(
            f"The model in {path} must be functional, with one output and one "
            f"input, got {type(model).__name__}: save a part of it alone."
        )
    return model


def _declared(path: str | os.PathLike) -> tuple[dict[str, Any], int]:
    """The architecture, and how many bytes of weights there are."""
    with zipfile.ZipFile(path) as archive:
        files = archive.infolist()
        size = sum(file.file_size for file in files)
        stored = sum(file.compress_size for file in files)
        if size > _ROOM + _MOST_GROWTH * stored:
            raise UserError(
                f"Refused to read {path}: its {stored:,} bytes would become "
                f"{size:,}, expected no more than {_MOST_GROWTH} times as "
                "many: save the model again."
            )
        config = json.loads(archive.read(_CONFIG))
        return config, archive.getinfo(_WEIGHTS).file_size


def _check_weights(
    path: str | os.PathLike, config: dict[str, Any], held: int
) -> None:
    # variables of a graph take no memory
    with tf.Graph().as_default():
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
        variables = getattr(model, "variables", ())
    needed = sum(_size(variable) for variable in variables)
    if needed > _ROOM + 2 * held:
        raise UserError(
            f"Refused to read {path}: its layers need {needed:,} bytes of "
            f"weights, the file holds {held:,}: save the model again."
        )


def _size(variable: keras.Variable) -> int:
    count = int(np.prod(variable.shape, dtype=object))
    return count * tf.as_dtype(variable.dtype).size


def _unreadable(path: str | os.PathLike, error: Exception) -> str:
    if "Lambda" in str(error):
        return (
            f"Refused to load {path}: expected layers alone, got a Lambda "
            "layer, which runs any code of whoever wrote the file; write it "
            "as a registered layer and save again."
        )
    if (version := _version(path)) not in ("", keras.__version__):
        remedy = f"it was saved by Keras {version}, this is "
        remedy += f"{keras.__version__}; use that version, or save again"
    else:
        remedy = "save the model again"
    return (
        f"Cannot read the model {path}, expected a .keras file of layers "
        f"that Keras knows: {_reason(error)}: {remedy}."
    )


def _version(path: str | os.PathLike) -> str:
    """The version of Keras that saved a file, where that can be told."""
    try:
        with zipfile.ZipFile(path) as archive:
            return str(json.loads(archive.read(_METADATA))["keras_version"])
    except Exception:
        return ""


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).strip().partition("\n")[0].strip(" .:")
    if len(text) > 200:
        text = f"{text[:200]}..."
    return text or type(error).__name__
