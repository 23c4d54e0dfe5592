"""From the settings of a fine-tuning to the variables that it moves."""

from collections.abc import Collection, Sequence

import keras

from keras_ptft.config import FIELDS, Config
from keras_ptft.errors import UserError
from keras_ptft.experiment.builders import (
    freeze_of,
    pretrains,
    trains_head_alone,
)
from keras_ptft.registry import lookup
from keras_ptft.training.tuning import Tuning
from keras_ptft.transfer.l2_sp import l2_sp
from keras_ptft.transfer.layer_decay import layer_factors
from keras_ptft.transfer.lora import LORA
from keras_ptft.transfer.pruning import prune
from keras_ptft.transfer.unfrozen import (
    hold_statistics,
    norms_and_biases,
    unfrozen_layers,
    with_parts,
)

OF_UNFROZEN = ("train_only", "lora", "layer_decay", "l2_sp", "prune")
"""Settings of which a fine-tuning of the head alone has no use."""


_OF_PRETRAINED = (
    "freeze",
    "unfreeze",
    "probe",
    "compare_scratch",
    "forgetting",
    *OF_UNFROZEN,
)


def check_tuning(config: Config) -> None:
    """Raises a UserError where settings of a fine-tuning contradict it."""
    if config.from_scratch:
        _check_from_scratch(config)
    if pretrains(config) and trains_head_alone(config):
        raise _nothing_trained(config)
    unused = OF_UNFROZEN if trains_head_alone(config) else ()
    for name in filter(config.is_set, unused):
        raise UserError(
            f"--{name}={getattr(config, name)} is for an unfrozen backbone, "
            "but --freeze=all trains the head alone: set --freeze=none or a "
            "cut point."
        )
    if config.is_set("lora") and config.l2_sp:
        raise UserError(
            f"--l2_sp={config.l2_sp} draws weights to the pretrained ones, "
            "from which --lora does not move them: leave one of the two out."
        )
    unpruned = ("lora", "train_only", "unfreeze")
    for name in filter(config.is_set, unpruned if config.prune else ()):
        raise UserError(
            f"--prune={config.prune:g} trains the kernels that it prunes, from "
            f"the first epoch on, and --{name}={getattr(config, name)} does "
            "not: leave one of the two out."
        )


def _check_from_scratch(config: Config) -> None:
    for name in filter(config.is_set, _OF_PRETRAINED):
        raise UserError(
            f"--{name}={getattr(config, name)} is for pretrained weights, and "
            "--from_scratch=true has none: leave out one of the two, or take "
            f"it back by --{name}={FIELDS[name].default}."
        )


def tune(
    config: Config,
    prefix: keras.Model | None,
    suffix: keras.Model,
    *,
    backbone: keras.Model,
    pretrained: keras.Model,
    transferred: Collection[str],
) -> Tuning:
    """Decides which variables a fine-tuning moves, and how.

    Args:
        config: the settings.
        prefix: the frozen part, or None.
        suffix: the rest, all of it trainable; batch normalisation in it is
            set to inference, and low-rank matrices are added to it, as the
            settings say.
        backbone: the part of the model that the head reads.
        pretrained: the backbone with the pretrained weights.
        transferred: names of the layers that have them; the other layers
            are new, and trained as the head is.

    Raises:
        UserError: nothing of the backbone is left for these settings.
    """
    layers = unfrozen_layers(suffix, backbone, transferred)
    parts = with_parts(layers)
    before = suffix.trainable_variables
    variables = _trained(config, suffix, layers, parts)
    held = hold_statistics(parts) if config.batchnorm == "frozen" else []
    trained = set(map(id, variables))
    frozen = [*(prefix.variables if prefix is not None else ()), *held]
    frozen += [v for v in before if id(v) not in trained]
    pruned = prune(parts, config.prune) if config.prune else []
    penalty = None
    if config.l2_sp:
        penalty = l2_sp(layers, pretrained, variables, config.l2_sp)
    return Tuning(
        variables=variables,
        factors=_factors(config, backbone, layers, variables),
        penalty=penalty,
        frozen=frozen,
        pruned=pruned,
    )


def _trained(
    config: Config,
    suffix: keras.Model,
    layers: Sequence[keras.Layer],
    parts: Sequence[keras.Layer],
) -> list[keras.Variable]:
    """The variables that are trained, in the order of the suffix."""
    pretrained = {id(v) for layer in layers for v in layer.trainable_variables}
    if not pretrained and not config.unfreeze:
        _check_head_alone(config)
    chosen = pretrained
    if config.train_only != "all" or config.is_set("lora"):
        chosen = set()
    if config.train_only == "norm_and_bias":
        chosen |= {id(v) for v in norms_and_biases(parts)}
    adapt = lookup(LORA, config.lora, "low-rank adaptation")
    # the matrices that this adds are none of the pretrained variables
    adapt(parts)
    left_out = pretrained - chosen
    return [v for v in suffix.trainable_variables if id(v) not in left_out]


def _factors(
    config: Config,
    backbone: keras.Model,
    layers: Sequence[keras.Layer],
    variables: Sequence[keras.Variable],
) -> list[float]:
    if config.layer_decay == 1.0:
        return []
    by_layer = layer_factors(backbone, config.layer_decay)
    factors = {
        id(variable): by_layer[layer.name]
        for layer in layers
        for variable in layer.variables
    }
    return [factors.get(id(variable), 1.0) for variable in variables]


def _nothing_trained(config: Config) -> UserError:
    return UserError(
        f"--objective={config.objective} trains the backbone, of which "
        f"--freeze={freeze_of(config)} leaves nothing to train: freeze up to "
        "an earlier cut point, or none."
    )


def _check_head_alone(config: Config) -> None:
    """Refuses settings of a backbone of which nothing is left to train."""
    if pretrains(config) and freeze_of(config) != "none":
        raise _nothing_trained(config)
    for name in filter(config.is_set, OF_UNFROZEN):
        raise UserError(
            f"--{name}={getattr(config, name)} is for an unfrozen backbone, "
            f"but --freeze={freeze_of(config)} leaves no pretrained weights "
            "to train: freeze up to an earlier cut point."
        )
