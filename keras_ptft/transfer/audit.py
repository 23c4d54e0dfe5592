"""Proof that what was frozen stayed frozen."""

import collections
import hashlib
from typing import Any

import keras


def fingerprints(model: keras.Model | None) -> dict[str, str]:
    """Hex digest of each variable, batch statistics included, by path.

    Where layers within layers give several variables one path, they are
    told apart by their order, as in "dense/kernel (2)". No model has no
    variables.

    Example:

    >>> inputs = keras.Input((2,))
    >>> outputs = keras.layers.Dense(1, name="dense")(inputs)
    >>> sorted(fingerprints(keras.Model(inputs, outputs)))
    ['dense/bias', 'dense/kernel']
    """
    digests = {}
    paths = collections.Counter()
    for variable in model.variables if model is not None else ():
        paths[variable.path] += 1
        count = paths[variable.path]
        name = f"{variable.path} ({count})" if count > 1 else variable.path
        digests[name] = hashlib.blake2b(
            keras.ops.convert_to_numpy(variable).tobytes(), digest_size=16
        ).hexdigest()
    return digests


def fingerprint(model: keras.Model) -> str:
    """Hex digest of all of a model's weights together.

    The random state of dropout is no weight: it is new whenever a model is
    loaded.
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
        before: what `fingerprints` gave.
        model: the same model after training.

    Returns:
        `{"frozen_variables": count, "changed": []}`.

    Raises:
        RuntimeError: a bit has changed, or a variable came or went; names
            them.
    """
    after = fingerprints(model)
    paths = sorted(before | after)
    changed = [path for path in paths if before.get(path) != after.get(path)]
    if changed:
        raise RuntimeError(
            f"Frozen variables have changed: {', '.join(changed)}."
        )
    return {"frozen_variables": len(before), "changed": changed}
