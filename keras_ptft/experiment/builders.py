"""The parts of a run, each made from what a Config says of it."""

import dataclasses
import logging
import pathlib
import re
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from keras_ptft import data, files
from keras_ptft.config import Config
from keras_ptft.data.core import splits
from keras_ptft.data.core.dataset import Dataset, Loading, Source, fingerprint
from keras_ptft.data.leakage.check import Leaks, handle_leaks
from keras_ptft.data.leakage.training_fingerprints import seen_by, write_seen
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.pipeline.moments import moments
from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import TOKENIZERS, Tokenizer, learn
from keras_ptft.data.text.window_source import token_window_source
from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES
from keras_ptft.models.feature_model import check_causal, feature_model
from keras_ptft.models.normalization import NORMALIZATIONS, scaling_of
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.objectives.objective import Objective, Task
from keras_ptft.registry import lookup, settings
from keras_ptft.training.checkpointing.store import parse_interval
from keras_ptft.training.distribution import strategies
from keras_ptft.training.optimizers.optimizers import OPTIMIZERS, SCHEDULES
from keras_ptft.transfer.cut import split
from keras_ptft.transfer.loading import fresh_copy

_LOG = logging.getLogger("keras_ptft")

# parts Chinese and its like into characters, and other scripts into words
_TOKENIZER = "characters"
_WINDOW = 128


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
        (TOKENIZERS, config.tokenizer or _TOKENIZER, "tokenizer"),
        (BACKBONES, config.backbone or "cnn", "backbone"),
        (NORMALIZATIONS, config.normalization, "normalization"),
        (OBJECTIVES, config.objective, "objective"),
        (OPTIMIZERS, config.optimizer, "optimizer"),
        (SCHEDULES, config.schedule, "schedule"),
    ):
        lookup(table, spec, kind)


def prepare(config: Config) -> None:
    """Seeds the process and sets its precision."""
    strategies.prepare(
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
        parent: the weights to start from, or to score: they may have seen
            the test split, and beside them stands how they read text.

    Returns:
        The data set, and what stood in two splits, unless it is ignored.
    """
    loading = Loading(
        image_size=config.image_size,
        text_column=config.text_column,
        label_column=config.label_column,
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
    if dataset.spec.dtype == tf.string:
        dataset = _tokenized(config, dataset, parent)
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
    if dataset.tokenizer is not None:
        dataset.tokenizer.save(folder)
    write_seen(folder, leaks.seen_after(dataset.splits["train"]))


def make_objective(config: Config, dataset: Dataset) -> Objective:
    """The objective for the labels, or the tokens, of a data set.

    Raises:
        UserError: the data are not for it, or it gives nothing to export.
    """
    row = lookup(OBJECTIVES, config.objective, "objective")
    task = Task(label_names=dataset.label_names, tagged=dataset.tagged)
    if (tokenizer := dataset.tokenizer) is not None:
        task = dataclasses.replace(
            task,
            vocabulary=tokenizer.vocabulary,
            size=tokenizer.size,
            width=tokenizer.width,
            counts=tokenizer.counts,
            sequence_length=tokenizer.sequence_length,
        )
    objective = row(task)
    if config.export_to and objective.answers == "loss":
        raise UserError(
            "An export must answer with labels, but --objective="
            f"{config.objective} has none: leave out --export_to, fine-tune "
            "first and export that."
        )
    return objective


def build_backbone(
    config: Config,
    dataset: Dataset,
    objective: Objective,
    pretrained: keras.Model | None = None,
) -> keras.Model:
    """A backbone with random weights.

    It scales its input as the pretrained one does, or else as
    `normalization` says. Without `backbone` it is the architecture of the
    pretrained one, or else a CNN, of text a bag of embeddings. It looks
    ahead where its row leaves that open and the objective allows it.
    """
    if pretrained is not None and not config.backbone:
        return fresh_copy(pretrained)
    text = dataset.tokenizer is not None
    default = "embedding" if text else "cnn"
    row = lookup(BACKBONES, config.backbone or default, "backbone")
    if objective.causal and "causal" in settings(row.function):
        row.kwargs.setdefault("causal", True)
    if text:
        return row(dataset.spec, dataset.tokenizer.size)
    scaling = scaling_of(pretrained) if pretrained is not None else None
    if scaling is None:
        scale = lookup(NORMALIZATIONS, config.normalization, "normalization")
        scaling = scale(dataset.spec, partial(moments, dataset.splits["train"]))
    return row(dataset.spec, scaling)


def assemble(backbone: keras.Model, objective: Objective) -> keras.Model:
    """The backbone with the objective's head, as one functional model.

    Raises:
        UserError: the backbone has no such features, or looks ahead where
            the objective forbids it.
    """
    if objective.causal:
        check_causal(feature_model(backbone, objective.reads))
    return objective.assemble(backbone)


def cut(
    config: Config,
    model: keras.Model,
    backbone: keras.Model,
    objective: Objective,
) -> tuple[keras.Model | None, keras.Model]:
    """The model's frozen part, or None, and the part that is trained."""
    if config.freeze == "none":
        return None, model
    if model.inputs[0] is not backbone.inputs[0]:
        raise UserError(
            f"Objective {config.objective!r} trains the first layer too, got "
            f"--freeze={config.freeze}: use --freeze=none."
        )
    return split(model, feature_model(backbone, objective.reads), config.freeze)


def _tokenized(
    config: Config, dataset: Dataset, parent: pathlib.Path | None
) -> Dataset:
    """Texts as tokens, as the pretrained weights or the settings say."""
    if parent is None:
        setting = config.tokenizer or _TOKENIZER
        texts = partial(texts_of, dataset.splits["train"])
        tokenizer = learn(setting, texts, config.sequence_length)
    else:
        tokenizer = Tokenizer.load(parent.parent)
        _check_tokenizer(config, tokenizer, parent)
    dataset = dataclasses.replace(dataset, tokenizer=tokenizer)
    running = make_objective(config, dataset).running
    length = config.sequence_length or tokenizer.sequence_length
    if running and parent is None:
        length = config.sequence_length or _WINDOW
    tokenizer = dataclasses.replace(tokenizer, sequence_length=length)
    make = token_window_source if running else token_source
    splits = {name: make(s, tokenizer) for name, s in dataset.splits.items()}
    _tell_losses(tokenizer, splits["train"])
    return Dataset(splits, dataset.label_names, tokenizer)


def _tell_losses(tokenizer: Tokenizer, train: Source) -> None:
    size, longest = len(tokenizer.vocabulary), tokenizer.sequence_length
    told = f"{size:,} in the vocabulary, {train.unknown:.2%} unknown"
    if hasattr(train, "cut_off"):
        told += f", {train.cut_off:.2%} of the texts cut off at {longest:,}"
    _LOG.info("Tokens by %s: %s.", tokenizer.setting, told)


def _check_tokenizer(
    config: Config, tokenizer: Tokenizer, parent: pathlib.Path
) -> None:
    if config.tokenizer not in ("", tokenizer.setting):
        raise UserError(
            f"The weights {parent} read text by --tokenizer="
            f"{tokenizer.setting}, got {config.tokenizer}: leave it out."
        )


def _described(dataset: Dataset) -> str:
    counts = ", ".join(f"{len(s):,} {n}" for n, s in dataset.splits.items())
    classes = f"{len(dataset.label_names)} classes"
    if (tokenizer := dataset.tokenizer) is not None:
        what = f"up to {tokenizer.sequence_length} tokens"
    else:
        what = "×".join(map(str, dataset.spec.shape))
        what += f" {dataset.spec.dtype.name}"
    return (
        f"{counts} examples of {what}, "
        f"{classes if dataset.label_names else 'no labels'}"
    )
