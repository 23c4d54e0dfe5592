"""What travels between server and clients, as records of Flower."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord

from keras_ptft.errors import UserError
from keras_ptft.federated.local import Local
from keras_ptft.models.normalization import scaling_of

ARRAYS, CONFIG, METRICS = "arrays", "config", "metrics"
"""The names of the records in a message; the first two are Flower's own."""

WEIGHT = "num-examples"
"""The metric by which Flower weighs clients."""

ROUND = "server-round"
"""The round that a message is of, from 1, as Flower writes it."""

_SAME = "same-"


def packed(names: Sequence[str], weights: Sequence[np.ndarray]) -> ArrayRecord:
    """Returns weights by their names, as they travel."""
    pairs = zip(names, weights, strict=True)
    return ArrayRecord({name: Array(np.asarray(each)) for name, each in pairs})


def unpacked(record: ArrayRecord, names: Sequence[str]) -> list[np.ndarray]:
    """Returns weights in the order of `names`, each in its own dtype."""
    return [record[name].numpy() for name in names]


def size(record: ArrayRecord) -> int:
    """Returns the bytes of weights in a record."""
    return sum(len(array.data) for array in record.values())


def contract(local: Local) -> dict[str, str]:
    """Returns digests of what must be the same on all machines.

    Weights travel without what they are the weights of.
    """
    info = local.objective.info
    scaling = scaling_of(local.body) or ()
    shapes = [
        f"{name}{value.shape}{value.dtype}"
        for name, value in zip(local.names, local.weights(), strict=True)
    ]
    return {
        f"{_SAME}labels": _digest(*info.label_names),
        f"{_SAME}vocabulary": _digest(*info.vocabulary),
        f"{_SAME}scaling": _digest(*(each.tobytes() for each in scaling)),
        f"{_SAME}weights": _digest(*shapes),
        f"{_SAME}frozen": local.frozen,
    }


def check_contract(local: Local, sent: ConfigRecord) -> None:
    """Refuses a message for another model than the client's.

    Raises:
        UserError: something differs; names what.
    """
    own = contract(local)
    differing = [
        name.removeprefix(_SAME)
        for name, digest in own.items()
        if sent.get(name) != digest
    ]
    if differing:
        raise UserError(
            f"The {' and '.join(differing)} of this client's model are not "
            "the server's: give all machines the same recipe, classes and "
            "--init_from, and where each has data of its own "
            "--normalization=unit, fixed or that of a pretrained model."
        )


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def numbers(metrics: Mapping[str, object]) -> dict[str, int | float]:
    """Returns the metrics that Flower can carry, which are finite numbers."""
    return {
        name: value
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
