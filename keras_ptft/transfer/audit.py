"""Proof that what was frozen stayed frozen."""

import hashlib
from typing import Any

import keras


def fingerprints(model: keras.Model | None) -> dict[str, str]:
    """Hex digest of each variable, batch statistics included, by path.

    No model has no variables.

    Example:

    >>> inputs = keras.Input((2,))
    >>> outputs = keras.layers.Dense(1, name="dense")(inputs)
    >>> sorted(fingerprints(keras.Model(inputs, outputs)))
    ['dense/bias', 'dense/kernel']
    """
    return {
        variable.path: hashlib.blake2b(
            keras.ops.convert_to_numpy(variable).tobytes(), digest_size=16
        ).hexdigest()
        for variable in (model.variables if model is not None else ())
    }


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
        RuntimeError: a bit has changed; names the variables.
    """
    after = fingerprints(model)
    changed = sorted(path for path in before if before[path] != after[path])
    if changed:
        raise RuntimeError(
            f"Frozen variables have changed: {', '.join(changed)}."
        )
    return {"frozen_variables": len(before), "changed": changed}
