"""Whether the run in a folder is the one that is about to start."""

import logging
import pathlib
from collections.abc import Mapping, Set
from typing import Any

from keras_ptft.config import FIELDS, Config
from keras_ptft.errors import UserError

_LOG = logging.getLogger("keras_ptft")

# their product alone decides a step: as many examples give its gradients
_STEP_FIELDS = frozenset(("batch_size", "gradient_accumulation"))


def check_same(
    folder: pathlib.Path, old: Config, new: Config, may_change: Set[str]
) -> None:
    """Raises a UserError if settings make another run of the one there.

    Batches of another size do not, where a step has as many examples: a run
    whose batch no longer fits into memory is resumed with a smaller one.

    Args:
        folder: the run folder.
        old: the settings of the run in it.
        new: those of the run that is about to start.
        may_change: settings that never make another run.
    """
    if _step_size(old) == _step_size(new):
        may_change = may_change | _STEP_FIELDS
    differences = [
        f"--{name}={_shown(old, name)} there, {_shown(new, name)} now"
        for name in FIELDS
        if name not in may_change and getattr(old, name) != getattr(new, name)
    ]
    if differences:
        raise UserError(
            f"{folder} holds a run with other settings "
            f"({'; '.join(differences)}): choose another --name, or "
            "--overwrite it."
        )


def check_provenance(
    folder: pathlib.Path, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    """Raises a UserError if a run was made of something else.

    Args:
        folder: the run folder.
        old: fingerprints of what the run in it was made of.
        new: as many as are known of the run that is about to start.
    """
    what = {
        "stage": "was trained by a stage",
        "parent": "was trained from weights",
        "data": "was run on data",
        "backbone": "was run with a backbone",
        "federated": "was trained by a federation, or by none,",
        "teacher": "was taught by a model",
    }
    for name, now in new.items():
        if old.get(name, now) != now:
            raise UserError(
                f"{folder} {what[name]} that changed since: choose "
                "another --name, or --overwrite it."
            )


def tell_batches(old: Config, new: Config) -> None:
    """Logs that a run is resumed with another batch size, if it is."""
    if old.batch_size != new.batch_size:
        _LOG.info(
            "Resuming with batches of %d, %d a step (%d before): the result "
            "is the same but for rounding, unless there is batch "
            "normalization or dropout, which see other batches.",
            new.batch_size,
            new.gradient_accumulation,
            old.batch_size,
        )


def _step_size(config: Config) -> int:
    """Examples a step."""
    return config.batch_size * config.gradient_accumulation


def _shown(config: Config, name: str) -> str:
    value = getattr(config, name)
    return "''" if value == "" else str(value)
