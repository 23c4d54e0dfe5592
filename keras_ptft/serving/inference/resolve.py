"""Finds and loads trained models wherever they are stored."""

import dataclasses
import os
import pathlib
import re
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from keras_ptft.errors import UserError, first_line
from keras_ptft.files import read_json
from keras_ptft.serving.versioning.versions import EXTRA, FACTS, versions

NamedFn = Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]]
"""Tensors by input name → tensors by output name."""
Specs = Mapping[str, tf.TensorSpec]

_GRAPH = "saved_model.pb"
# how TensorFlow tells what the export says of a request
_REFUSED = re.compile(r"assertion failed: \[(.*?)\]")


@dataclasses.dataclass(frozen=True)
class ModelFiles:
    """Where the files of a model are; either a `.keras` file or an export.

    Attributes:
        extra: folder of labels.json, tokenizer.json and objective.json.
        keras_file: the `.keras` file, or None.
        saved_model: the folder of the exported version, or None.
    """

    extra: pathlib.Path
    keras_file: pathlib.Path | None = None
    saved_model: pathlib.Path | None = None


def find_model(
    path: str | os.PathLike,
    is_complete: Callable[[pathlib.Path], bool] = lambda folder: True,  # noqa: ARG005
) -> ModelFiles:
    """Finds a model wherever training or exporting left it.

    Args:
        path: a run folder, a `.keras` file, the folder of an exported
            version, or the folder that holds the versions, of which the
            highest is taken.
        is_complete: called with a folder that is no export; returns False
            if it is a run that has not finished.

    Returns:
        The files of the model.

    Raises:
        UserError: there is no model, or its run is not complete.
    """
    path = pathlib.Path(path)
    if path.is_file() and path.suffix == ".keras":
        return ModelFiles(path.parent, keras_file=path)
    if (path / _GRAPH).is_file():
        return ModelFiles(path / EXTRA, saved_model=path)
    if path.is_dir():
        if not is_complete(path):
            raise UserError(
                f"The run in {path} is not complete: expected its "
                "result.json; run its stage again, which finishes it."
            )
        if (path / "model.keras").is_file():
            return find_model(path / "model.keras")
        if found := versions(path):
            return find_model(found[-1])
    raise UserError(
        f"No model in {path}: expected a run folder, a .keras file, or an "
        "export with saved_model.pb; check the path."
    )


def load_signature(
    folder: str | os.PathLike, name: str = "serving_default"
) -> tuple[NamedFn, Specs, Specs]:
    """Loads a signature of an exported version.

    Args:
        folder: of the version.
        name: of the signature.

    Returns:
        The function, and the specs of its inputs and outputs by name, with
        the batch axis.

    Raises:
        UserError: the export cannot be read or has no such signature.
    """
    try:
        loaded = _loaded(folder)
        signature = loaded.signatures[name]
        inputs = signature.structured_input_signature[1]
        outputs = signature.structured_outputs
    # a broken export fails in as many ways as it can be broken
    except Exception as error:
        raise UserError(
            f"Cannot read the model {folder}, expected an export of "
            f"keras-ptft: {first_line(error)}: export it again."
        ) from error

    def function(tensors: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
        # a signature does not keep what was loaded alive
        try:
            return loaded.signatures[name](**tensors)
        except tf.errors.InvalidArgumentError as error:
            refused = _REFUSED.search(error.message)
            if refused is None:
                raise
            raise UserError(refused[1]) from error

    return function, inputs, outputs


def largest_batch(folder: str | os.PathLike) -> int:
    """Returns how many examples of a request an exported version takes.

    Args:
        folder: of the version.

    Returns:
        0 where it has no limit, or does not tell.
    """
    try:
        told = read_json(pathlib.Path(folder, FACTS))["intake"]
        return int(told["largest_batch"])
    except (OSError, UserError, LookupError, TypeError, ValueError):
        return 0


def _loaded(folder: str | os.PathLike) -> Any:
    """Loads a SavedModel, also where TensorFlow reads its path as a pattern."""
    path = os.path.abspath(folder)
    if not set(path) & set("[]*?"):
        return tf.saved_model.load(path)
    with tempfile.TemporaryDirectory() as place:
        link = os.path.join(place, "model")
        os.symlink(path, link)
        return tf.saved_model.load(link)
