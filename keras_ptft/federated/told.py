"""What is told of the clients: a table of who has what."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ptft.data.core.dataset import Dataset
from keras_ptft.evaluation.report.clients import clients_rows
from keras_ptft.federated.partition import Part


def client_rows(
    parts: Sequence[Part], dataset: Dataset
) -> list[dict[str, Any]]:
    """Returns what each client has: `client`, `examples` and `classes`.

    Args:
        parts: of the training split.
        dataset: the data set.
    """
    train, names = dataset.splits["train"], dataset.class_names
    rows = []
    for part in parts:
        row: dict[str, Any] = {"client": part.name, "examples": len(part.rows)}
        if names:
            found = np.unique(train.labels[part.rows], return_counts=True)
            pairs = zip(*map(np.ndarray.tolist, found), strict=True)
            row["classes"] = {names[label]: count for label, count in pairs}
        rows.append(row)
    return rows


def clients_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the table of the clients as text.

    Args:
        rows: as `client_rows` returns them.

    Example:

    >>> print(clients_table([{"client": "0", "examples": 3,
    ...     "classes": {"cat": 1, "dog": 2}}]))
    client  examples  classes
    0              3  cat 1, dog 2
    """
    cells = clients_rows(rows)
    first, second, _ = (
        max(map(len, each)) for each in zip(*cells, strict=True)
    )
    return "\n".join(
        f"{client:{first}}  {count:>{second}}  {classes}".rstrip()
        for client, count, classes in cells
    )
