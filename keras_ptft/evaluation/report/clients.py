"""Who trained a federated model, and what travelled."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_ptft.quantities import short

_MOST_CLASSES = 10
_MOST_CLIENTS = 20


def federated_sentence(federated: Mapping[str, Any]) -> str:
    """Returns how a model was trained by clients, for a person.

    Args:
        federated: of `result.json`.

    Example:

    >>> settings = {"clients_per_round": 2, "rounds": 5, "local_epochs": 1}
    >>> settings |= {"partition": "iid", "server": "fedavg"}
    >>> print(federated_sentence({"settings": settings,
    ...     "bytes_of_a_client": 6200}))
    2 of the clients (iid) in each of 5 rounds, 1 local epoch each, averaged \
by fedavg; 6.2 kB travel to a client in a round, and as many back.
    """
    asked, size = federated["settings"], federated["bytes_of_a_client"]
    some, epochs = asked["clients_per_round"], asked["local_epochs"]
    who = f"{some} of the clients" if some else "All clients"
    return (
        f"{who} ({asked['partition']}) in each of {asked['rounds']} rounds, "
        f"{epochs} local epoch{'s' if epochs > 1 else ''} each, averaged by "
        f"{asked['server']}; {short(size, 'B')} travel to a client in a "
        f"round, and as many back.{_hidden(federated.get('privacy'))}"
    )


def clients_rows(clients: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Returns the table of who has what, the headings first.

    Args:
        clients: "clients" of "federated" of `result.json`, each with
            `client`, `examples` and maybe `classes`.

    Example:

    >>> clients_rows([{"client": "0", "examples": 3,
    ...     "classes": {"cat": 1, "dog": 2}}])
    [['client', 'examples', 'classes'], ['0', '3', 'cat 1, dog 2']]
    """
    rows = [["client", "examples", "classes"]]
    rows += [
        [each["client"], f"{each['examples']:,}", _classes(each)]
        for each in clients[:_MOST_CLIENTS]
    ]
    if rest := clients[_MOST_CLIENTS:]:
        count = sum(each["examples"] for each in rest)
        rows.append([f"{len(rest)} more", f"{count:,}", ""])
    return rows


def _hidden(privacy: Mapping[str, Any] | None) -> str:
    if privacy is None:
        return ""
    return (
        f" The weights hide a client: epsilon {privacy['epsilon']:.4g} at "
        f"delta {privacy['delta']:g}, counted by {privacy['accountant']}; it "
        f"does not cover {privacy['not_covered']}."
    )


def _classes(client: Mapping[str, Any]) -> str:
    classes = client.get("classes", {})
    if len(classes) > _MOST_CLASSES:
        return f"{len(classes)} classes"
    return ", ".join(f"{name} {count:,}" for name, count in classes.items())
