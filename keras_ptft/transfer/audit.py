"""Proof that frozen variables did not change."""

import collections
import hashlib
from collections.abc import Iterable
from typing import Any

import keras


def by_path(
    variables: Iterable[keras.Variable],
) -> dict[str, keras.Variable]:
    """Returns variables by their path.

    Where nested layers give several variables one path, a count tells them
    apart, as in "dense/kernel (2)".
    """
    named = {}
    paths: collections.Counter[str] = collections.Counter()
    for variable in variables:
        paths[variable.path] += 1
        count = paths[variable.path]
        name = f"{variable.path} ({count})" if count > 1 else variable.path
        named[name] = variable
    return named


def fingerprints(variables: Iterable[keras.Variable]) -> dict[str, str]:
    """Computes a hex digest of each variable.

    Args:
        variables: any, batch statistics too.

    Returns:
        Digests by path; see `by_path`.

    Example:

    >>> inputs = keras.Input((2,))
    >>> outputs = keras.layers.Dense(1, name="dense")(inputs)
    >>> sorted(fingerprints(keras.Model(inputs, outputs).variables))
    ['dense/bias', 'dense/kernel']
    """
    return {
        name: hashlib.blake2b(
            keras.ops.convert_to_numpy(variable).tobytes(), digest_size=16
        ).hexdigest()
        for name, variable in by_path(variables).items()
    }


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


def audit(
    before: dict[str, str], variables: Iterable[keras.Variable]
) -> dict[str, Any]:
    """Compares frozen variables with their fingerprints before training.

    Args:
        before: result of `fingerprints`.
        variables: the same variables after training.

    Returns:
        `{"frozen_variables": count, "changed": []}`.

    Raises:
        RuntimeError: a bit has changed, or a variable was added or removed;
            names them.
    """
    after = fingerprints(variables)
    paths = sorted(before | after)
    changed = [path for path in paths if before.get(path) != after.get(path)]
    if changed:
        raise RuntimeError(
            f"Frozen variables have changed: {', '.join(changed)}."
        )
    return {"frozen_variables": len(before), "changed": changed}
