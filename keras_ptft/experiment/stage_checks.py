"""Which settings a stage takes, seen before anything is loaded or written."""

from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.experiment import builders
from keras_ptft.experiment.forgetting import check_forgetting
from keras_ptft.experiment.phases import check_unfreeze
from keras_ptft.experiment.probing import check_probe
from keras_ptft.experiment.tuning import OF_UNFROZEN, check_tuning
from keras_ptft.objectives import OBJECTIVES

# what a training that starts from random weights has no use for
_OF_WEIGHTS = (
    "init_from",
    "from_scratch",
    "probe",
    "unfreeze",
    "forgetting",
    *OF_UNFROZEN,
)


def check_pretraining(config: Config) -> None:
    """Finds errors that show before anything is loaded or written."""
    if config.init_from and builders.pretrains(config):
        _check_from_weights(config)
        return
    for name in filter(config.is_set, _OF_WEIGHTS):
        raise UserError(
            f"--{name}={getattr(config, name)} {_belongs(name, config)}."
        )
    builders.check(config)


def _belongs(name: str, config: Config) -> str:
    """What a setting of pretrained weights is for, and the remedy."""
    if builders.pretrains(config):
        return (
            "is for pretrained weights: name them by --init_from, or leave it "
            "out"
        )
    remedy = "belongs to fine-tuning: use finetune, or leave it out"
    if name != "init_from":
        return remedy
    names = [n for n, kind in OBJECTIVES.items() if not kind.servable]
    return f"{remedy}, or go on pretraining by --objective={', '.join(names)}"


def check_finetuning(config: Config) -> None:
    """Finds errors that show before anything is loaded or written."""
    if builders.pretrains(config):
        raise UserError(
            f"--objective={config.objective} trains features, to be "
            "fine-tuned later: use pretrain, which takes --init_from too, or "
            "an --objective that answers, as classification."
        )
    if config.probe_every:
        raise UserError(
            f"--probe_every={config.probe_every} judges a backbone that is "
            "pretrained: use pretrain, or leave it out."
        )
    _check_from_weights(config)


def _check_from_weights(config: Config) -> None:
    builders.check(config)
    check_probe(config)
    check_unfreeze(config)
    check_tuning(config)
    check_forgetting(config)
