"""Attacks on the privacy of a run's training examples.

An entry takes the run and who is asked about, and its settings.
"""

from collections.abc import Callable
from typing import Any

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.evaluation.membership.guarantee import beside
from keras_ptft.evaluation.membership.strength import cross_fitted, strength
from keras_ptft.evaluation.metrics import shown_metrics
from keras_ptft.experiment.attacks.lira import lira
from keras_ptft.experiment.attacks.loss import Guesses, loss
from keras_ptft.experiment.attacks.target import (
    Attacked,
    check_attacked,
    suspects_of,
)
from keras_ptft.registry import lookup

ATTACKS: dict[str, Callable[..., Guesses]] = {
    "loss": loss,
    "lira": lira,
}


__all__ = ["ATTACKS", "Attacked", "attack", "check"]


def check(spec: str, config: Config) -> None:
    """Finds errors that show before a model is loaded.

    Args:
        spec: as in `attack`.
        config: the settings of the run.

    Raises:
        UserError: no such attack or setting, or it does not suit the run.
    """
    lookup(ATTACKS, spec, "attack")
    check_attacked(config)


def attack(
    spec: str, attacked: Attacked, given: Dataset | None
) -> dict[str, Any]:
    """Tries to tell a run's training examples from its test examples.

    Args:
        spec: an entry of ATTACKS, as "lira(shadows=32)".
        attacked: the run.
        given: the data set that was handed over to it, if one was.

    Returns:
        As `result.json` has it: what `strength` computes, "examples",
        "members" and "others" (how many), "attacker" (what it knows), the
        metrics of both as "generalisation", "notes" and, of a private run,
        the "bound" that is guaranteed.

    Raises:
        UserError: no such attack or setting, or it does not suit the run.
    """
    chosen = lookup(ATTACKS, spec, "attack")
    suspects = suspects_of(attacked, given)
    guesses = chosen(attacked, suspects)
    ours, theirs = guesses.members, guesses.others
    found = strength(ours, theirs)
    by_kind = {k: shown_metrics(v) for k, v in guesses.metrics.items()}
    bound = beside(
        attacked.result.privacy,
        found,
        cross_fitted(ours, theirs),
    )
    return {
        "examples": len(ours) + len(theirs),
        "members": len(ours),
        "others": len(theirs),
        "attacker": guesses.attacker,
        **found,
        "generalisation": {
            name: {kind: shown[name] for kind, shown in by_kind.items()}
            for name in by_kind["members"]
        },
        "notes": list(suspects.notes),
        **({"bound": bound} if bound else {}),
    }
