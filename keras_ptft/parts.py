"""The parts of a run, each made from what a Config says of it."""

import logging
import pathlib
import re
from functools import partial
from typing import Any

import keras

from keras_ptft import data, files
from keras_ptft.config import Config
from keras_ptft.data import splits
from keras_ptft.data.augment import AUGMENTATIONS
from keras_ptft.data.dataset import Dataset, Loading, fingerprint
from keras_ptft.data.leaks import Leaks, handle_leaks
from keras_ptft.data.seen import seen_by, write_seen
from keras_ptft.data.statistics import moments
from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES
from keras_ptft.models.normalization import NORMALIZATIONS, scaling_of
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.objectives.objective import Objective
from keras_ptft.registry import lookup
from keras_ptft.training import runtime
from keras_ptft.training.checkpoint import parse_interval
from keras_ptft.training.optimizers import OPTIMIZERS, SCHEDULES
from keras_ptft.transfer.loading import fresh_copy

_LOG = logging.getLogger("keras_ptft")


def check(config: Config) -> None:
    """Finds mistakes that show before anything is loaded or written.

    Raises:
        UserError: an unknown row or setting of one, a name that is none
            for a folder, or a folder that cannot be written.
    """
    if not re.fullmatch(r"(?!\.\.?$)[^/\\]{,100}", config.name):
        raise UserError(
            "--name must name one folder in --runs_dir, in 100 characters at "
            f"most, got {config.name!r}: leave out slashes."
        )
    parse_interval(config.checkpoint_every)
    files.check_folder(config.runs_dir, "runs_dir")
    if config.export_to:
        files.check_folder(config.export_to, "export_to")
    for table, spec, kind in (
        (data.DATASETS, config.dataset, "dataset"),
        (AUGMENTATIONS, config.augment, "augmentation"),
        (BACKBONES, config.backbone or "cnn", "backbone"),
        (NORMALIZATIONS, config.normalization, "normalization"),
        (OBJECTIVES, config.objective, "objective"),
        (OPTIMIZERS, config.optimizer, "optimizer"),
        (SCHEDULES, config.schedule, "schedule"),
    ):
        lookup(table, spec, kind)


def prepare(config: Config) -> None:
    """Seeds the process and sets its precision."""
    runtime.prepare(
        seed=config.seed,
        precision=config.precision,
        deterministic=config.deterministic,
    )


def load_dataset(
    config: Config, on_leak: str = "ignore", parent: pathlib.Path | None = None
) -> tuple[Dataset, Leaks | None]:
    """The data set with its chosen classes, subset and validation split.

    Args:
        config: the settings.
        on_leak: what to do about examples that stand in two splits: "fail",
            "drop", "warn" or "ignore".
        parent: the pretrained weights, which may have seen the test split.

    Returns:
        The data set, and what stood in two splits, unless it is ignored.
    """
    loading = Loading(
        image_size=config.image_size,
        data_dir=config.data_dir,
        manual_dir=config.manual_dir,
        skip_bad_images=config.skip_bad_images,
    )
    dataset = data.load(config.dataset, loading)
    dataset = splits.select_classes(dataset, config.classes)
    dataset = splits.hold_out_validation(dataset, config.validation_fraction)
    leaks = None
    if on_leak != "ignore":
        dataset, leaks = handle_leaks(
            dataset,
            on_leak,
            near=config.near_copies,
            pretrained_on=seen_by(parent) if parent else None,
        )
    dataset = splits.subset_train(dataset, config.train_examples, config.seed)
    _LOG.info("%s: %s.", config.dataset, _described(dataset))
    return dataset, leaks


def origin(dataset: Dataset, parent: str = "") -> dict[str, Any]:
    """What a run starts from, beside its settings: data and weights."""
    sources = dataset.splits.items()
    fingerprints = {name: fingerprint(source) for name, source in sources}
    return {"data": fingerprints, "parent": parent}


def record(folder: pathlib.Path, dataset: Dataset, leaks: Leaks) -> None:
    """Writes what is known of a run's data before it trains."""
    files.write_json(folder / "labels.json", list(dataset.label_names))
    write_seen(folder, leaks.seen_after(dataset.splits["train"]))


def make_objective(config: Config, dataset: Dataset) -> Objective:
    """The objective for the classes of a data set."""
    row = lookup(OBJECTIVES, config.objective, "objective")
    return row(len(dataset.label_names))


def build_backbone(
    config: Config, dataset: Dataset, pretrained: keras.Model | None = None
) -> keras.Model:
    """A backbone with random weights.

    It scales its input as the pretrained one does, or else as
    `normalization` says. Without `backbone` it is the architecture of the
    pretrained one, or else a CNN.
    """
    if pretrained is not None and not config.backbone:
        return fresh_copy(pretrained)
    scaling = scaling_of(pretrained) if pretrained is not None else None
    if scaling is None:
        row = lookup(NORMALIZATIONS, config.normalization, "normalization")
        scaling = row(dataset.spec, partial(moments, dataset.splits["train"]))
    row = lookup(BACKBONES, config.backbone or "cnn", "backbone")
    return row(dataset.spec, scaling)


def add_head(backbone: keras.Model, objective: Objective) -> keras.Model:
    """The backbone with the objective's head, as one functional model."""
    outputs = objective.head(backbone.outputs[0])
    return keras.Model(backbone.inputs[0], outputs, name="model")


def _described(dataset: Dataset) -> str:
    counts = ", ".join(f"{len(s):,} {n}" for n, s in dataset.splits.items())
    shape = "×".join(map(str, dataset.spec.shape))
    return (
        f"{counts} examples of {shape} {dataset.spec.dtype.name}, "
        f"{len(dataset.label_names)} classes"
    )
