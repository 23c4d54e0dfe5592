"""Which client has which training examples."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.targets import CLASSES, kind_of
from keras_ptft.errors import UserError, check_range
from keras_ptft.registry import lookup

_LOG = logging.getLogger("keras_ptft")

_DRAWS = 1000
_STREAM = 0x9A47


class Part(NamedTuple):
    """What one client has.

    Attributes:
        name: its number from 0, or the value that it is.
        rows: indices of its training examples, int64, in order.
    """

    name: str
    rows: np.ndarray


class Divided(NamedTuple):
    """What is divided.

    Attributes:
        source: the training examples.
        clients: how many there are to be.
        least: examples that each needs, those of a step.
        seed: of the draw.
    """

    source: Source
    clients: int
    least: int
    seed: int

    @property
    def draw(self) -> np.random.Generator:
        """A generator of its own, the same in each process."""
        return np.random.default_rng([self.seed, _STREAM])


def iid(given: Divided, /) -> list[Part]:
    """Deals the examples out at random, to each client as many."""
    order = given.draw.permutation(len(given.source))
    return _numbered(np.array_split(order, given.clients))


def dirichlet(given: Divided, /, alpha: float = 0.5) -> list[Part]:
    """Draws the share of a class that each client has (Hsu et al. 2019).

    "Measuring the Effects of Non-Identical Data Distribution for Federated
    Visual Classification". It is drawn again until each client has the
    examples of a step.

    Args:
        alpha: of the Dirichlet distribution: the smaller, the more clients
            differ.
    """
    check_range("alpha", alpha, 1e-3, 1e6)
    draw, by_class = given.draw, _by_class(given, "dirichlet")
    for number in range(_DRAWS):
        parts = _drawn(draw, by_class, alpha, given.clients)
        if min(map(len, parts)) >= given.least:
            if number:
                _LOG.info(
                    "Drawn %d times, until each client had %d examples.",
                    number + 1,
                    given.least,
                )
            return _numbered(parts)
    raise UserError(
        f"--partition=dirichlet({alpha:g}) gave some of {given.clients} "
        f"clients less than {given.least} examples, a step, in {_DRAWS} draws: "
        "raise alpha, or lower --clients or --batch_size."
    )


def shards(given: Divided, /, per_client: int = 2) -> list[Part]:
    """Gives each client shards of examples that are sorted by class.

    McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks
    from Decentralized Data". A shard may hold the end of a class and the
    beginning of the next.

    Args:
        per_client: shards that each client has.
    """
    check_range("per_client", per_client, 1, 1000)
    draw = given.draw
    order = np.concatenate(
        [draw.permutation(rows) for rows in _by_class(given, "shards")]
    )
    cut = np.array_split(order, given.clients * per_client)
    dealt = draw.permutation(len(cut)).reshape(given.clients, per_client)
    return _numbered([np.concatenate([cut[i] for i in mine]) for mine in dealt])


def labels(given: Divided, /, per_client: int = 2) -> list[Part]:
    """Gives each client examples of as many labels, the "#C=k" of NIID-Bench.

    Li et al. 2022, "Federated Learning on Non-IID Data Silos: An Experimental
    Study". The clients that have a label share its examples equally.

    Args:
        per_client: distinct labels that each client has.
    """
    by_class = _by_class(given, "labels")
    check_range("per_client", per_client, 1, len(by_class))
    if given.clients * per_client < len(by_class):
        raise UserError(
            f"--partition=labels({per_client}) gives {given.clients} clients "
            f"{given.clients * per_client} of {len(by_class)} labels, and "
            "would leave examples out: raise --clients or the number."
        )
    draw = given.draw
    held = _dealt(draw, len(by_class), given.clients, per_client)
    parts: list[list[np.ndarray]] = [[] for _ in range(given.clients)]
    for label, rows in enumerate(by_class):
        owners = np.flatnonzero(held[:, label])
        cut = np.array_split(draw.permutation(rows), len(owners))
        for owner, mine in zip(owners, cut, strict=True):
            parts[owner].append(mine)
    return _numbered([np.concatenate(part) for part in parts])


def by(given: Divided, /, column: str) -> list[Part]:
    """Makes each value of a column a client, as a person or a hospital.

    Clients with less examples than a step are left out.

    Args:
        column: of the table.
    """
    values = given.source.by
    if values is None:
        raise UserError(
            f"--partition=by:{column} needs a table with this column: use "
            "--partition=iid."
        )
    found, owners = np.unique(values, return_inverse=True)
    parts = [
        Part(str(name), np.flatnonzero(owners == number))
        for number, name in enumerate(found)
    ]
    kept = [part for part in parts if len(part.rows) >= given.least]
    if small := len(parts) - len(kept):
        lost = len(owners) - sum(len(part.rows) for part in kept)
        _LOG.warning(
            "%d of %d clients have less than %d examples, a step, and are "
            "left out with %d examples: lower --batch_size to keep them.",
            small,
            len(parts),
            given.least,
            lost,
        )
    return kept


PARTITIONS: dict[str, Callable[..., list[Part]]] = {
    "iid": iid,
    "dirichlet": dirichlet,
    "shards": shards,
    "labels": labels,
    "by": by,
}


def column_of(partition: str) -> str:
    """Returns the column that `--partition=by:COLUMN` reads, or nothing.

    Raises:
        UserError: an unknown partition, or a setting that it has not.

    Example:

    >>> column_of("by:person"), column_of("iid")
    ('person', '')
    """
    bound = lookup(PARTITIONS, partition, "partition")
    return _column(*bound.args, **bound.kwargs) if bound.name == "by" else ""


def divide(
    source: Source, partition: str, clients: int, *, least: int, seed: int
) -> list[Part]:
    """Divides training examples among clients, the same for the same seed.

    Args:
        source: the training examples.
        partition: an entry of PARTITIONS.
        clients: how many; where the data say it, what is ignored.
        least: examples that each client needs.
        seed: of the draw.

    Raises:
        UserError: a client would have less examples than a step.
    """
    make = lookup(PARTITIONS, partition, "partition")
    parts = make(Divided(source, clients, least, seed))
    if not parts or min(len(part.rows) for part in parts) < least:
        fewest = min((len(part.rows) for part in parts), default=0)
        raise UserError(
            f"Each client needs {least} examples, a step, and of "
            f"{len(source)} for {clients} clients one has {fewest}: lower "
            "--clients or --batch_size."
        )
    return parts


def _column(column: str) -> str:
    return column


def _numbered(parts: Sequence[np.ndarray]) -> list[Part]:
    return [
        Part(str(number), np.sort(rows)) for number, rows in enumerate(parts)
    ]


def _dealt(
    draw: np.random.Generator, labels: int, clients: int, per_client: int
) -> np.ndarray:
    """Which client has which label: bool, (clients, labels).

    Each client takes the labels that fewest have, drawn among equals, so
    that none is left out.
    """
    held = np.zeros((clients, labels), bool)
    for client in draw.permutation(clients):
        order = draw.permutation(labels)
        rarest = np.argsort(held.sum(0)[order], kind="stable")
        held[client, order[rarest[:per_client]]] = True
    return held


def _drawn(
    draw: np.random.Generator,
    by_class: Sequence[np.ndarray],
    alpha: float,
    clients: int,
) -> list[np.ndarray]:
    """The rows of each client, by shares of each class."""
    parts: list[list[np.ndarray]] = [[] for _ in range(clients)]
    for rows in by_class:
        shares = draw.dirichlet(np.full(clients, alpha))
        ends = np.rint(np.cumsum(shares)[:-1] * len(rows)).astype(int)
        shuffled = draw.permutation(rows)
        for part, mine in zip(parts, np.split(shuffled, ends), strict=True):
            part.append(mine)
    return [np.concatenate(part) for part in parts]


def _by_class(given: Divided, name: str) -> list[np.ndarray]:
    """The rows of each class that there is."""
    labels = given.source.labels
    kind = kind_of(given.source.values)
    present = np.unique(labels)
    if kind != CLASSES or len(present) < 2:
        raise UserError(
            f"--partition={name} is for examples of several classes, and "
            f"these have {kind if kind != CLASSES else 'one'}: use iid or "
            "by:COLUMN."
        )
    return [np.flatnonzero(labels == label) for label in present]
