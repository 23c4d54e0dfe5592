"""What a run was made of: weights, data, versions and layers."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from keras_ptft.config import Config
from keras_ptft.evaluation.report.clients import (
    clients_rows,
    federated_sentence,
)
from keras_ptft.evaluation.report.forgetting import forgetting_sentence
from keras_ptft.evaluation.report.privacy import (
    NOT_COVERED,
    privacy_sentences,
)
from keras_ptft.evaluation.report.settings_table import (
    repeating_commands,
    shown_settings,
)

_SHORT = 8
# more are folded
_MOST_LAYERS = 30
_VERSIONS = ("python", "tensorflow", "keras")


class Lineage(NamedTuple):
    """What a run was made of.

    Attributes:
        stage: "pretrain" or "finetune".
        folder: the run folder.
        config: the settings.
        environment: what `environment.json` holds.
        handed_over: settings whose objects a program handed over.
        transfer: "transfer" of `result.json`, of a fine-tuning.
        audit: "audit" of `result.json`, of a fine-tuning.
        trained_parameters: numbers that training could change.
        forgetting: "forgetting" of `result.json`, where it was measured.
        privacy: "privacy" of `result.json`, of a private training.
        federated: "federated" of `result.json`, where clients trained.
    """

    stage: str
    folder: pathlib.Path
    config: Config
    environment: Mapping[str, Any]
    handed_over: Sequence[str] = ()
    transfer: Mapping[str, Any] | None = None
    audit: Mapping[str, Any] | None = None
    trained_parameters: int = 0
    forgetting: Mapping[str, Any] | None = None
    privacy: Mapping[str, Any] | None = None
    federated: Mapping[str, Any] | None = None


class ShownLayer(NamedTuple):
    """What became of a layer.

    Attributes:
        name: of the layer.
        parameters: numbers that it holds.
        trained: numbers that training could change.
        fate: what became of it, in words.
        kind: the same as a word of the style: "kept", "tuned" or "new".
    """

    name: str
    parameters: int
    trained: int
    fate: str
    kind: str


class SummedFate(NamedTuple):
    """Layers of the same fate.

    Attributes:
        fate: as in `ShownLayer`.
        kind: likewise.
        layers: how many there are.
        parameters: of them together.
    """

    fate: str
    kind: str
    layers: int
    parameters: int


def lineage_parts(lineage: Lineage) -> dict[str, Any]:
    """Returns what a page shows of a lineage, by the template's names."""
    chosen, others = shown_settings(lineage.config)
    layers = shown_layers(lineage.transfer or {})
    return {
        "chosen_settings": chosen,
        "default_settings": others,
        "commands": lineage_commands(lineage),
        "federated": federated_told(lineage),
        "clients": client_table(lineage),
        "handed_over": lineage.handed_over,
        "origins": origins(lineage),
        "transferred": transfer_sentences(lineage),
        "privacy": privacy_sentences(lineage.privacy),
        "not_covered": NOT_COVERED,
        "layers": layers,
        "fates": summed_fates(layers),
        "fold_layers": len(layers) > _MOST_LAYERS,
    }


def lineage_commands(lineage: Lineage) -> tuple[list[str], list[str]]:
    """Returns the commands that repeat a run, as `repeating_commands`."""
    return repeating_commands(
        lineage.stage,
        lineage.folder,
        lineage.config,
        federated=lineage.federated,
    )


def federated_told(lineage: Lineage) -> str:
    """Returns how clients trained the model, or nothing where none did."""
    found = lineage.federated
    return "" if found is None else federated_sentence(found)


def client_table(lineage: Lineage) -> list[list[str]]:
    """Returns the table of the clients, where it is known who has what."""
    clients = (lineage.federated or {}).get("clients", ())
    return clients_rows(clients) if clients else []


def origins(lineage: Lineage) -> list[tuple[str, str]]:
    """Returns what a run came from, each with what it is.

    What an old run does not say of itself is left out.
    """
    known, config = lineage.environment, lineage.config
    rows = [
        ("stage", f"{lineage.stage}, {config.objective}"),
        ("weights from", _weights(lineage)),
        ("taught by", _teacher(lineage)),
        ("trained parameters", f"{lineage.trained_parameters:,}"),
    ]
    data = ", ".join(
        f"{split} {_short(digest)}"
        for split, digest in known.get("data", {}).items()
    )
    rows.append(("data", f"{config.dataset}{f': {data}' if data else ''}"))
    versions = [f"{name} {known[name]}" for name in _VERSIONS if name in known]
    rows.append(("versions", ", ".join(versions)))
    devices = [
        name.removeprefix("/device:") for name in known.get("devices", ())
    ]
    rows.append(("devices", ", ".join(devices)))
    if "cpus" in known:
        machine = f"{known.get('machine', '')}, {known['cpus']} CPUs"
        rows.append(("machine", machine.removeprefix(", ")))
    return [row for row in rows if row[1]]


def transfer_sentences(lineage: Lineage) -> list[str]:
    """Returns what was transferred and what the audit found, in words."""
    sentences = []
    if (transfer := lineage.transfer) is not None:
        matched = len(transfer["matched"])
        of = matched + len(transfer["reshaped"]) + len(transfer["missing"])
        sentences.append(
            f"Pretrained weights are in {matched:,} of {of:,} layers of the "
            f"backbone, {100 * transfer['share']:.1f} % of its parameters."
        )
        kept = {
            "reshaped": "New, since their shapes differ",
            "missing": "New, since there are none such",
            "unused": "Pretrained, but not in this backbone",
        }
        sentences += [
            f"{what}: {', '.join(transfer[name])}."
            for name, what in kept.items()
            if transfer.get(name) and (matched or name != "missing")
        ]
    if (audit := lineage.audit) is not None:
        sentences.append(_audited(audit))
    if lineage.forgetting is not None:
        sentences.append(forgetting_sentence(lineage.forgetting))
    return sentences


def shown_layers(transfer: Mapping[str, Any]) -> list[ShownLayer]:
    """Returns what became of each layer that has weights.

    Args:
        transfer: "transfer" of `result.json`; one without "layers", as older
            runs have it, gives nothing.

    Example:

    >>> layer = {"name": "conv", "parameters": 40, "trained": 0}
    >>> shown_layers({"layers": [layer | {"transferred": True}]})[0].fate
    'transferred and frozen'
    """
    return [
        ShownLayer(
            layer["name"], layer["parameters"], layer["trained"], *_fate(layer)
        )
        for layer in transfer.get("layers", ())
    ]


def summed_fates(layers: Sequence[ShownLayer]) -> list[SummedFate]:
    """Returns what became of layers, each once, in the order of the first."""
    found: dict[str, SummedFate] = {}
    for layer in layers:
        known = found.get(layer.fate, SummedFate(layer.fate, layer.kind, 0, 0))
        found[layer.fate] = known._replace(
            layers=known.layers + 1,
            parameters=known.parameters + layer.parameters,
        )
    return list(found.values())


def _fate(layer: Mapping[str, Any]) -> tuple[str, str]:
    if not layer["transferred"]:
        return ("new", "new") if layer["trained"] else ("new and frozen", "new")
    if layer["trained"]:
        return "transferred and trained", "tuned"
    return "transferred and frozen", "kept"


def _audited(audit: Mapping[str, Any]) -> str:
    frozen, changed = audit["frozen_variables"], audit["changed"]
    if not frozen:
        return "No variable was frozen."
    found = f"changed: {', '.join(changed)}" if changed else "none has changed"
    return f"Frozen variables: {frozen:,}; compared bit by bit, {found}."


def _weights(lineage: Lineage) -> str:
    config, parent = lineage.config, lineage.environment.get("parent", "")
    start = config.init_from or "a model that was handed over"
    digest = f" ({_short(parent)})" if parent else ""
    if config.from_scratch:
        return f"random weights, in the architecture of {start}{digest}"
    # pretraining takes the weights of a model that was handed over
    if "backbone" in lineage.handed_over and not (parent or config.init_from):
        given = lineage.environment.get("backbone", "")
        return f"{start}{f' ({_short(given)})' if given else ''}"
    return (
        f"{start}{digest}" if parent or config.init_from else "random weights"
    )


def _teacher(lineage: Lineage) -> str:
    name, digest = lineage.config.teacher, lineage.environment.get("teacher")
    return f"{name} ({_short(digest)})" if digest else name


def _short(digest: str) -> str:
    return digest[:_SHORT]
