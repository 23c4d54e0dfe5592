"""A run's settings, and the commands that repeat it."""

import json
import pathlib
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from keras_ptft import settings
from keras_ptft.config import FIELDS, Config
from keras_ptft.privacy import budget_of

# they say where a run goes, and would bring the command to the same place
_OF_THE_PLACE = ("name", "overwrite")


class ShownSetting(NamedTuple):
    """A setting as a flagfile has it.

    Attributes:
        name: of the flag.
        value: its text; empty: an empty text.
        default: likewise.
    """

    name: str
    value: str
    default: str


def shown_settings(
    config: Config,
) -> tuple[list[ShownSetting], list[ShownSetting]]:
    """Returns the settings that differ from their defaults, and the others.

    The seed of a private run, which chose its batches, is not shown.

    Example:

    >>> chosen, others = shown_settings(Config(epochs=7))
    >>> chosen, others[0]
    ([ShownSetting(name='epochs', value='7', default='5')], \
ShownSetting(name='name', value='', default=''))
    """
    chosen: list[ShownSetting] = []
    others: list[ShownSetting] = []
    for name, field in FIELDS.items():
        if name == "seed" and budget_of(config.privacy):
            continue
        value = settings.to_text(field, getattr(config, name))
        default = settings.to_text(field, field.default)
        shown = ShownSetting(name, value, default)
        (chosen if config.is_set(name) else others).append(shown)
    return chosen, others


def repeating_commands(
    stage: str,
    folder: pathlib.PurePath,
    config: Config,
    *,
    federated: Mapping[str, Any] | None = None,
) -> tuple[list[str], list[str]]:
    """Returns the commands that repeat a run under another name.

    Args:
        stage: the command, as "finetune".
        folder: the run folder, which holds `flags.flags`.
        config: the settings of the run.
        federated: "federated" of `result.json`; None: it was not that.

    Returns:
        One that reads the run's flagfile, and one that needs no file; of
        each the words, quoted for a shell. The second is empty for
        `federate`, which always reads one.

    Example:

    >>> for line in repeating_commands(
    ...     "pretrain", pathlib.PurePosixPath("runs/a b"), Config(epochs=7)
    ... ):
    ...     print(" ".join(line))
    keras-ptft pretrain '--flagfile=runs/a b/flags.flags' '--name=a b-again'
    keras-ptft pretrain '--name=a b-again' --epochs=7
    """
    name = f"--name={folder.name}-again"
    flagfile = f"--flagfile={(folder / 'flags.flags').as_posix()}"
    if federated is not None:
        own = [f"--{k}={_text(v)}" for k, v in federated["settings"].items()]
        words = [(folder / "flags.flags").as_posix(), name, *own]
        return list(map(shlex.quote, _federating(words, federated))), []
    chosen = [
        f"--{setting.name}={setting.value}"
        for setting in shown_settings(config)[0]
        if setting.name not in _OF_THE_PLACE
    ]
    start = ["keras-ptft", stage]
    with_file, without = [*start, flagfile, name], [*start, name, *chosen]
    return list(map(shlex.quote, with_file)), list(map(shlex.quote, without))


def _federating(words: list[str], federated: Mapping[str, Any]) -> list[str]:
    if federated.get("carrier") != "flower":
        return ["keras-ptft", "federate", *words]
    # JSON texts are those of TOML, which Flower reads
    entries = {"federate": shlex.join(words)}
    entries["client-privacy"] = federated["client_privacy"]
    told = " ".join(f"{k}={json.dumps(v)}" for k, v in entries.items())
    return ["flwr", "run", "deploy/flower", "--run-config", told]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
