"""Proof that frozen variables did not change."""

import collections
import hashlib
from typing import Any

import keras


def fingerprints(model: keras.Model | None) -> dict[str, str]:
    """Computes a hex digest of each variable, batch statistics included.

    Args:
        model: any model; None has no variables.

    Returns:
        Digests by path. Where nested layers give several variables one path,
        a count tells them apart, as in "dense/kernel (2)".

    Example:

    >>> inputs = keras.Input((2,))
    >>> outputs = keras.layers.Dense(1, name="dense")(inputs)
    >>> sorted(fingerprints(keras.Model(inputs, outputs)))
    ['dense/bias', 'dense/kernel']
    """
    digests = {}
    paths: collections.Counter[str] = collections.Counter()
    for variable in model.variables if model is not None else ():
        paths[variable.path] += 1
        count = paths[variable.path]
        name = f"{variable.path} ({count})" if count > 1 else variable.path
        digests[name] = hashlib.blake2b(
            keras.ops.convert_to_numpy(variable).tobytes(), digest_size=16
        ).hexdigest()
    return digests


def fingerprint(model: keras.Model) -> str:
    """Computes a hex digest of all of a model's weights together.

    The random state of dropout is not a weight: it is new whenever a model
    is loaded.
    """
    digest = hashlib.blake2b(digest_size=16)
    for weight in model.weights:
        value = keras.ops.convert_to_numpy(weight)
        digest.update(f"{weight.path} {value.shape} {value.dtype}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def audit(before: dict[str, str], model: keras.Model | None) -> dict[str, Any]:
    """Compares a frozen model with its fingerprints from before training.

    Args:
        before: result of `fingerprints`.
        model: the same model after training.

    Returns:
        `{"frozen_variables": count, "changed": []}`.

    Raises:
        RuntimeError: a bit has changed, or a variable was added or removed;
            names them.
    """
    after = fingerprints(model)
    paths = sorted(before | after)
    changed = [path for path in paths if before.get(path) != after.get(path)]
    if changed:
        raise RuntimeError(
            f"Frozen variables have changed: {', '.join(changed)}."
        )
    return {"frozen_variables": len(before), "changed": changed}
