"""Which settings clients cannot train by, seen before data are loaded."""

import os

from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.experiment.naming import stage_of
from keras_ptft.experiment.stage_checks import (
    check_finetuning,
    check_pretraining,
)
from keras_ptft.federated.partition import PARTITIONS
from keras_ptft.federated.servers import SERVERS
from keras_ptft.federated.settings import FederateConfig
from keras_ptft.objectives.saved import objective_type
from keras_ptft.registry import lookup

_FRESH = "needs one optimizer to the end, and a client begins with a fresh one"
_ONE = "is for one training, and clients make one of several"
_REFUSED = {
    "early_stopping_patience": "watches epochs, and rounds have none",
    "unfreeze": "counts epochs, and rounds have none",
    "probe": "solves a head of all examples, and no client has them",
    "probe_every": "counts epochs, and rounds have none",
    "teacher": _ONE,
    "compare_scratch": _ONE,
    "profile_steps": _ONE,
    "ema": _FRESH,
    "schedule": _FRESH,
    "privacy": "counts what one training gives away, not what clients do",
}


def check(config: Config, asked: FederateConfig) -> None:
    """Finds errors that show before anything is loaded or written.

    Raises:
        UserError: there is one.
    """
    if config.strategy in ("multi_worker", "tpu") or "TF_CONFIG" in os.environ:
        raise UserError(
            "federate trains on one machine, got several workers or a TPU: "
            "use --strategy=auto there without TF_CONFIG."
        )
    lookup(PARTITIONS, asked.partition, "partition")
    lookup(SERVERS, asked.server, "server")()
    for name, reason in _REFUSED.items():
        if config.is_set(name):
            raise _refusal(name, config, reason)
    if config.learning_rate == "find":
        raise _refusal("learning_rate", config, _FRESH)
    if config.resident == "true":
        raise _refusal("resident", config, "holds the rows of one training")
    if config.checkpoint_every not in ("epoch", "never"):
        raise UserError(
            f"--checkpoint_every={config.checkpoint_every} is no whole round: "
            "use epoch or never."
        )
    if objective_type(config.objective).teacher == "average":
        raise _refusal("objective", config, _FRESH)
    is_tuned = stage_of(config) == "finetune"
    (check_finetuning if is_tuned else check_pretraining)(config)


def _refusal(name: str, config: Config, reason: str) -> UserError:
    return UserError(
        f"--{name}={getattr(config, name)} {reason}: leave it out of a "
        "federated training."
    )
