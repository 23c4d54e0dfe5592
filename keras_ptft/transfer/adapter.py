"""Low-rank matrices merged into a model, or in a file of their own."""

import hashlib
import json
import os
from collections.abc import Collection, Mapping

import keras
import numpy as np
import safetensors
import safetensors.numpy

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.models.pretrained.weights import read_weights
from keras_ptft.transfer.audit import by_path, fingerprints

_A, _B = "/lora_a", "/lora_b"
_BASE = "backbone"


def merge_adapter(model: keras.Model) -> None:
    """Adds the products of low-rank matrices to their kernels, in place.

    Afterwards all layers are plain ones again. Outputs differ by rounding
    only.
    """
    for layer in _adapted(model):
        kernel, a, b = _matrices(layer)
        scale = layer.lora_alpha / layer.lora_rank
        kernel.assign_add(keras.ops.matmul(a, b) * scale)
        for matrix in (a, b):
            layer._untrack_variable(matrix)
            # deleting it would collect garbage, which takes a while
            setattr(layer, matrix.name, None)
        layer.lora_enabled = False
        layer.lora_rank = layer.lora_alpha = None
        kernel.trainable = True


def save_adapter(
    path: str | os.PathLike[str],
    backbone: keras.Model,
    model: keras.Model,
    frozen: Collection[keras.Variable],
) -> None:
    """Writes what a fine-tuning has moved in a backbone.

    The file holds the matrices of each kernel, `<path of the kernel>/lora_a`
    and `/lora_b`, whose product is what is added to it, and the values of
    all else that moved, as biases.

    Args:
        path: of the `.safetensors` file.
        backbone: with low-rank matrices that are not merged yet.
        model: backbone and head; it may leave out layers of the backbone.
        frozen: variables of it that were not moved.

    Raises:
        DiskError: the file cannot be written.
    """
    adapted = _adapted(backbone)
    matrices = {id(m) for layer in adapted for m in _matrices(layer)[1:]}
    named = by_path(w for w in backbone.weights if id(w) not in matrices)
    moved = set(map(id, model.weights)) - set(map(id, frozen))
    tensors = {
        name: variable.numpy()
        for name, variable in named.items()
        if id(variable) in moved
    }
    base = _fingerprint(named, tensors)
    names = {id(variable): name for name, variable in named.items()}
    for layer in adapted:
        kernel, a, b = _matrices(layer)
        scale = np.float32(layer.lora_alpha / layer.lora_rank)
        tensors[names[id(kernel)] + _A] = a.numpy()
        tensors[names[id(kernel)] + _B] = b.numpy() * scale
    content = safetensors.numpy.save(tensors, {_BASE: base})
    with files.replacing(path) as partial:
        partial.write_bytes(content)


def load_adapter(
    backbone: keras.Model, path: str | os.PathLike[str]
) -> keras.Model:
    """Returns a copy of a backbone with an adapter merged into it.

    The backbone stays as it is, so any number of adapters can be loaded.

    Args:
        backbone: the pretrained one that the adapter was trained on.
        path: an `adapter.safetensors` of a run folder.

    Raises:
        UserError: the file cannot be read, or was trained on another
            backbone.
    """
    tensors = read_weights(path)
    base = _base(path)
    copy = keras.models.clone_model(backbone)
    copy.set_weights(backbone.get_weights())
    named = by_path(copy.weights)
    if base != _fingerprint(named, tensors):
        raise UserError(
            f"The adapter {path} was trained on another backbone, or is none: "
            "load it on the one that its run was fine-tuned from."
        )
    for name, tensor in tensors.items():
        if name in named:
            named[name].assign(tensor)
        elif name.endswith(_A):
            kernel = name.removesuffix(_A)
            product = np.matmul(tensor, tensors[kernel + _B])
            named[kernel].assign_add(product)
    return copy


def _adapted(model: keras.Model) -> list[keras.Layer]:
    return [
        layer
        for layer in model._flatten_layers()
        if getattr(layer, "lora_enabled", False)
    ]


def _matrices(
    layer: keras.Layer,
) -> tuple[keras.Variable, keras.Variable, keras.Variable]:
    """A kernel, and the matrices whose product is added to it."""
    named = {variable.name: variable for variable in layer.variables}
    name = "embeddings" if "embeddings" in named else "kernel"
    return named[name], named[f"lora_{name}_a"], named[f"lora_{name}_b"]


def _base(path: str | os.PathLike[str]) -> str | None:
    """The fingerprint that a file was written with, or None."""
    # weights that can be read may be a folder, or in another format
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get(_BASE)
    except (safetensors.SafetensorError, OSError):
        return None


def _fingerprint(
    named: Mapping[str, keras.Variable], moved: Collection[str]
) -> str:
    """A digest of the weights that an adapter leaves as they are."""
    kept = [variable for name, variable in named.items() if name not in moved]
    text = json.dumps(fingerprints(kept))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
