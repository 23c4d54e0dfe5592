"""From a Config to the objects of a run, each made once."""

import logging
import pathlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras

from keras_ptft import data, files
from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset, fingerprint
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import CLASSES, SETS
from keras_ptft.data.images.color import parse_color
from keras_ptft.data.images.resize import cut_of
from keras_ptft.data.leakage.check import Leaks
from keras_ptft.data.leakage.training_fingerprints import write_seen
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.pipeline.mix import MIXES
from keras_ptft.data.pipeline.moments import moments
from keras_ptft.data.text.tokenizers import TOKENIZERS
from keras_ptft.errors import UserError
from keras_ptft.experiment.calibrating import check_calibrate
from keras_ptft.experiment.encoding import TOKENIZER
from keras_ptft.experiment.loading import GIVEN
from keras_ptft.experiment.pretrained import Pretrained, is_known_model
from keras_ptft.experiment.privacy import (
    check_private,
    is_private,
    private_moments,
)
from keras_ptft.experiment.publication import check_export_settings
from keras_ptft.experiment.remote_runs import localised
from keras_ptft.experiment.teachers import check_teacher
from keras_ptft.experiment.tpu import check_tpu
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.feature_model import check_causal, feature_model
from keras_ptft.models.grey import for_grey, in_color
from keras_ptft.models.normalization import NORMALIZATIONS, scaling_of
from keras_ptft.models.pretrained import PRETRAINED
from keras_ptft.objectives import OBJECTIVES, Objective
from keras_ptft.objectives.objective import TeacherFacts
from keras_ptft.objectives.probes import PROBES
from keras_ptft.objectives.saved import (
    make_objective,
    objective_type,
    write_objective,
)
from keras_ptft.privacy import MECHANISMS, budget_of
from keras_ptft.registry import lookup, settings
from keras_ptft.training.checkpointing.store import parse_interval
from keras_ptft.training.distribution import strategies
from keras_ptft.training.optimizers import OPTIMIZERS, SCHEDULES
from keras_ptft.training.profiling import parse_profile_steps
from keras_ptft.transfer.loading import (
    TransferReport,
    check_input,
    fresh_copy,
    nothing_transferred,
    transfer_weights,
)
from keras_ptft.transfer.lora import LORA

_LOG = logging.getLogger("keras_ptft")

_OF_CLASSES = (
    "classes",
    "untrained_classes",
    "train_per_class",
    "stratify",
    "class_weight",
    "sampling",
)
# settings that train more than the head, where nothing else is said
_MOVING = ("lora", "train_only", "prune", "from_scratch")
_SUBSETS = ("train_examples", "train_per_class", "train_fraction")


def check(config: Config) -> None:
    """Finds errors that show before anything is loaded or written.

    Raises:
        UserError: an unknown entry or setting of one, a name that is none
            for a folder, or a folder that cannot be written.
    """
    config = localised(config)
    if not re.fullmatch(r"(?!\.\.?$)[^/\\]{,100}", config.name):
        raise UserError(
            "--name must name one folder in --runs_dir, in 100 characters at "
            f"most, got {config.name!r}: leave out slashes."
        )
    subsets = list(filter(config.is_set, _SUBSETS))
    if len(subsets) > 1:
        raise UserError(
            f"--{' and --'.join(subsets)} exclude each other: leave out all "
            "but one."
        )
    parse_interval(config.checkpoint_every)
    parse_profile_steps(config.profile_steps)
    parse_color(config.background)
    if config.resize:
        cut_of(config.resize)
    files.check_folder(config.runs_dir, "runs_dir")
    for name in ("dataset", "image_root", "manual_dir"):
        files.check_here(getattr(config, name), name)
    check_export_settings(config)
    tables: list[tuple[Mapping[str, Callable[..., Any]], str, str]] = [
        (AUGMENTATIONS, config.augment, "augmentation"),
        (TOKENIZERS, config.tokenizer or TOKENIZER, "tokenizer"),
        (BACKBONES, config.backbone or "cnn", "backbone"),
        (NORMALIZATIONS, config.normalization, "normalization"),
        (OBJECTIVES, config.objective, "objective"),
        (OPTIMIZERS, config.optimizer, "optimizer"),
        (SCHEDULES, config.schedule, "schedule"),
        (LORA, config.lora, "low-rank adaptation"),
        (MIXES, config.mix, "mix"),
        (PROBES, config.probe, "probe"),
        (MECHANISMS, config.privacy, "privacy"),
    ]
    if is_known_model(config):
        tables.append((PRETRAINED, config.init_from, "pretrained model"))
    if config.dataset != GIVEN:
        data.named(config.dataset)
    for table, spec, kind in tables:
        if spec != GIVEN:
            lookup(table, spec, kind)
    budget_of(config.privacy)
    _check_servable(config)
    _check_batch(config)
    check_calibrate(config)
    check_teacher(config)
    _check_labels(config)
    check_tpu(config)
    check_private(config)


def prepare(config: Config) -> None:
    """Seeds the process and sets its precision."""
    strategies.prepare(
        seed=config.seed,
        precision=config.precision,
        deterministic=config.deterministic,
    )


def build_objective(
    config: Config, info: DataInfo, teacher: TeacherFacts | None = None
) -> Objective:
    """Builds the objective for a data set, and logs what it warns of.

    Args:
        config: the settings.
        info: what is known of the data.
        teacher: the model that it learns from; None: there is none.

    Raises:
        UserError: the data, or the teacher, are not for it.
    """
    objective = make_objective(config.objective, info)
    if teacher is not None:
        objective.follow(teacher)
    for caution in objective.cautions():
        _LOG.warning("%s", caution)
    return objective


def build_backbone(
    config: Config,
    dataset: Dataset,
    objective: Objective,
    *,
    pretrained: keras.Model | None = None,
    given: keras.Model | None = None,
) -> keras.Model:
    """Builds a backbone with random weights.

    It scales its input as the pretrained one does, or else as
    `normalization` says. Without `backbone` it has the architecture of the
    pretrained one, or else is a CNN, for text a bag of embeddings. A
    backbone that can be causal or not is causal if the objective is.

    Args:
        config: the settings.
        dataset: gives the input, and the moments of the training split.
        objective: what the backbone is for.
        pretrained: backbone whose weights will be loaded, or None.
        given: backbone that was handed over; None: as `config` says.

    Raises:
        UserError: a known backbone takes other inputs.
    """
    for known in (pretrained, given):
        if known is not None:
            check_input(known, in_color(known, dataset.spec))
    if given is not None:
        backbone = _fresh(given, dataset)
        if pretrained is None:
            backbone.set_weights(given.get_weights())
        return backbone
    if pretrained is not None and not config.backbone:
        return _fresh(pretrained, dataset)
    info = dataset.info
    default = "embedding" if info.is_text else "cnn"
    entry = lookup(BACKBONES, config.backbone or default, "backbone")
    if objective.causal and "causal" in settings(entry.function):
        entry.kwargs.setdefault("causal", True)
    if info.tokenizer is not None:
        size = info.tokenizer.size
        return entry(BackboneInput(info.spec, vocabulary_size=size))
    scaling = scaling_of(pretrained) if pretrained is not None else None
    if scaling is None:
        scale = lookup(NORMALIZATIONS, config.normalization, "normalization")
        measured = partial(moments, dataset.splits["train"])
        scaling = scale(dataset.spec, private_moments(config, measured))
    return entry(BackboneInput(info.spec, scaling=scaling))


def transfer(
    config: Config, pretrained: Pretrained, backbone: keras.Model
) -> TransferReport:
    """Loads the pretrained weights into a backbone, and logs which.

    With `from_scratch` it loads none.

    Raises:
        UserError: less than `min_transferred` could be loaded.
    """
    if config.from_scratch:
        report = nothing_transferred(backbone)
    else:
        report = transfer_weights(
            pretrained.backbone, backbone, least=config.min_transferred
        )
    _LOG.info("%s.", report)
    return report


def assemble(backbone: keras.Model, objective: Objective) -> keras.Model:
    """Puts the objective's head on the backbone, as one functional model.

    Raises:
        UserError: the backbone has no such features, or looks ahead where
            the objective forbids it.
    """
    if objective.causal:
        check_causal(feature_model(backbone, objective.feature_layer))
    return objective.assemble(backbone)


def pretrains(config: Config) -> bool:
    """Returns whether a model is trained for its features alone."""
    return not objective_type(config.objective).servable


def freeze_of(config: Config) -> str:
    """Returns the cut point up to which is frozen, "all" or "none"."""
    moves = any(map(config.is_set, _MOVING))
    moves = moves or pretrains(config)
    return config.freeze or ("none" if moves else "all")


def trains_head_alone(config: Config) -> bool:
    """Returns whether all of a backbone is frozen, to the end."""
    return freeze_of(config) == "all" and not config.unfreeze


def provenance(
    stage: str, dataset: Dataset, **fingerprints: str
) -> dict[str, Any]:
    """Returns what decides a run beside its settings.

    Args:
        stage: the command, as "finetune".
        dataset: the data set of the run.
        fingerprints: of models it starts from, by name.
    """
    sources = dataset.splits.items()
    found = {name: fingerprint(source) for name, source in sources}
    return {"stage": stage, "data": found, **fingerprints}


def record(
    folder: pathlib.Path, config: Config, dataset: Dataset, leaks: Leaks
) -> None:
    """Writes what is known of a run before it trains."""
    write_objective(folder, config.objective, dataset.info)
    if not is_private(config):
        write_seen(folder, leaks.seen_after(dataset.splits["train"]))


def _fresh(known: keras.Model, dataset: Dataset) -> keras.Model:
    """The architecture of a known backbone, for images of this data set."""
    fresh = fresh_copy(known)
    is_grey = in_color(known, dataset.spec) is not dataset.spec
    return for_grey(fresh) if is_grey else fresh


def _check_batch(config: Config) -> None:
    """Refuses batches in which no example can be compared with another."""
    chosen = objective_type(config.objective)
    if config.batch_size < chosen.least_batch:
        raise UserError(
            f"--objective={config.objective} compares the examples of a batch, "
            f"got --batch_size={config.batch_size}: use 64, or "
            f"{chosen.least_batch} at least."
        )
    if chosen.compares and config.gradient_accumulation > 1:
        raise UserError(
            f"--objective={config.objective} compares the examples of a batch, "
            "which --gradient_accumulation cuts into parts: leave it out, and "
            "raise --batch_size."
        )


def _check_labels(config: Config) -> None:
    """Refuses settings of labels that the objective does not learn."""
    kind = objective_type(config.objective).label_kind
    if config.label_columns and kind != SETS:
        raise UserError(
            f"--label_columns={config.label_columns} are for sets of labels, "
            f"and --objective={config.objective} learns {kind}: use "
            "--objective=multi_label, or leave them out."
        )
    if config.label_columns and (
        config.label_column and config.is_set("label_column")
    ):
        raise UserError(
            f"--label_columns={config.label_columns} and --label_column="
            f"{config.label_column} exclude each other: leave one out."
        )
    if kind == CLASSES:
        return
    for name in filter(config.is_set, _OF_CLASSES):
        raise UserError(
            f"--{name}={getattr(config, name)} is for classes, of which an "
            f"example has one, and --objective={config.objective} learns "
            f"{kind}: leave it out."
        )


def _check_servable(config: Config) -> None:
    if config.export_to and pretrains(config):
        raise UserError(
            "An export must answer with labels, but --objective="
            f"{config.objective} has none: leave out --export_to, fine-tune "
            "first and export that."
        )
