"""What a run of Flower is asked for, by its run configuration."""

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Any

from keras_ptft import files, recipes, settings
from keras_ptft.config import FIELDS, Config
from keras_ptft.errors import UserError, check_range
from keras_ptft.federated.settings import FEDERATE_FIELDS, FederateConfig

WORDS = "federate"
"""The entry of the run configuration that holds what follows the command of
that name."""

PRIVACY_WORD = "client-privacy"
"""The entry that holds how private a client is."""

_FORM = 'RECIPE [--setting=value], as "pretrain_cnn_digits --rounds=2"'


@dataclasses.dataclass(frozen=True)
class Asked:
    """A recipe, and how clients train it.

    Attributes:
        recipe: the settings of the run.
        federate: clients, rounds, and how the server averages.
        client_privacy: "none", or another entry of `PRIVACY`, as
            "client_dp(noise=1.0, clip=1.0)".
        timeout: seconds that the server waits for the clients of a round.

    Raises:
        UserError: a setting is not for clients on machines of their own.
    """

    recipe: Config
    federate: FederateConfig
    client_privacy: str = "none"
    timeout: float = 3600.0

    def __post_init__(self) -> None:
        check_range("timeout", self.timeout, 1)


def read(run_config: Mapping[str, Any]) -> Asked:
    """Reads what the run configuration of Flower asks for.

    Args:
        run_config: `federate`, the words that follow that command; and where
            they are set `client-privacy`, `secure` and `timeout`.

    Raises:
        UserError: a word is missing or unknown, or secure aggregation is
            asked for.
    """
    secure = run_config.get("secure", "none")
    if secure != "none":
        raise UserError(
            f"secure must be none, got {secure!r}: Flower has SecAgg+ for its "
            "older strategies alone, so the server sees what each client "
            "sends."
        )
    asked = parse(str(run_config.get(WORDS, "")))
    return dataclasses.replace(
        asked,
        client_privacy=str(run_config.get(PRIVACY_WORD, "none")),
        timeout=float(run_config.get("timeout", asked.timeout)),
    )


def parse(words: str) -> Asked:
    """Reads the words that follow `keras-ptft federate`.

    Args:
        words: a recipe, then settings, as in a shell.

    Raises:
        UserError: there is no recipe, or a word that is no setting.

    Example:

    >>> parse("pretrain_cnn_digits --rounds=3").federate.rounds
    3
    """
    try:
        named, *given = shlex.split(words) or [""]
    except ValueError as error:
        raise UserError(f"Expected {_FORM}, got {words!r}: {error}.") from None
    if not named or named.startswith("-"):
        raise UserError(f"Expected {_FORM}, got {words!r}: name a recipe.")
    *_, path = recipes.resolve([named])
    lines = "\n".join([files.read_text(path), *given])
    found = settings.from_lines({**FEDERATE_FIELDS, **FIELDS}, lines)
    values = {name: settings.at_home(value) for name, value in found.items()}
    own = {k: v for k, v in values.items() if k in FEDERATE_FIELDS}
    recipe = {k: v for k, v in values.items() if k in FIELDS}
    return Asked(Config(**recipe), FederateConfig(**own))


def asked_of(given: Asked | str | None, run_config: Mapping[str, Any]) -> Asked:
    """Returns what an app is asked for, by its maker or its configuration."""
    if given is None:
        return read(run_config)
    return parse(given) if isinstance(given, str) else given
