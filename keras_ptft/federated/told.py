"""What is told of the clients: a table of who has what."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ptft.data.core.dataset import Dataset
from keras_ptft.federated.partition import Part

_MOST_CLASSES = 10
_MOST_CLIENTS = 20


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

    Example:

    >>> print(clients_table([{"client": "0", "examples": 3,
    ...     "classes": {"cat": 1, "dog": 2}}]))
    client  examples  classes
    0              3  cat 1, dog 2
    """
    width = max(len("client"), *(len(row["client"]) for row in rows))
    lines = [f"{'client':{width}}  examples  classes".rstrip()]
    for row in rows[:_MOST_CLIENTS]:
        line = f"{row['client']:{width}}  {row['examples']:8,}"
        lines.append(f"{line}  {classes_text(row)}".rstrip())
    if left := len(rows) - _MOST_CLIENTS:
        lines += [f"and {left} more"] if left > 0 else []
    return "\n".join(lines)


def classes_text(row: Mapping[str, Any]) -> str:
    """Returns the classes of a client with their examples, or how many.

    Args:
        row: as `client_rows` returns it.

    Example:

    >>> classes_text({"classes": {"cat": 1, "dog": 2}})
    'cat 1, dog 2'
    """
    classes = row.get("classes", {})
    if len(classes) > _MOST_CLASSES:
        return f"{len(classes)} classes"
    return ", ".join(f"{name} {count:,}" for name, count in classes.items())
