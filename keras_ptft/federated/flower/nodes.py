"""What a node of Flower has of the data, by its configuration."""

from collections.abc import Mapping
from typing import Any

from keras_ptft.config import FIELDS, Config
from keras_ptft.errors import UserError
from keras_ptft.federated.flower.asked import Asked

PART, PARTS = "partition-id", "num-partitions"
"""What a node has of the data of the recipe, as Flower calls it."""

_OWN = ("init_from", "runs_dir", "feature_cache_gb")


def of_node(asked: Asked, node: Mapping[str, Any]) -> tuple[Config, int | None]:
    """Returns the settings of a node, and which part of the data it has.

    Args:
        asked: what all machines are asked for.
        node: its configuration: the number of a part and of parts, or
            settings of the data on that machine.

    Returns:
        The settings, and the part from 0; None: all, which are its own.

    Raises:
        UserError: it says both or neither, or a setting that has to be the
            same on all machines.
    """
    own = {k.replace("-", "_"): v for k, v in node.items()}
    part, parts = own.pop("partition_id", None), own.pop("num_partitions", None)
    for name in own:
        _check_own(name)
    config = asked.recipe.replace(**own)
    if (part is None) is not ("dataset" in own):
        raise UserError(
            f"A node needs either {PART} and {PARTS} or a dataset of its own, "
            f"got {dict(node) or 'nothing'}: give flower-supernode one of "
            "them by --node-config."
        )
    if part is None:
        return config, None
    if parts != asked.federate.clients or not 0 <= part < parts:
        raise UserError(
            f"Expected {PARTS}={asked.federate.clients}, the --clients of the "
            f"recipe, and {PART} below it, got {PARTS}={parts} and "
            f"{PART}={part}: start as many nodes."
        )
    return config, int(part)


def _check_own(name: str) -> None:
    field = FIELDS.get(name)
    if field is None or (
        field.metadata["group"] != "data" and name not in _OWN
    ):
        raise UserError(
            f"A node may set {PART}, {PARTS}, {', '.join(_OWN)} and what is "
            f"of its data, as dataset, got {name}: leave it to the recipe."
        )
