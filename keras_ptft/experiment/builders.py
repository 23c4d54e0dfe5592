"""From a Config to the objects of a run, each made once."""

import dataclasses
import logging
import pathlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from keras_ptft import data, files
from keras_ptft.config import Config
from keras_ptft.data.core import splits
from keras_ptft.data.core.dataset import Dataset, Loading, Source, fingerprint
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.leakage.check import Leaks, handle_leaks
from keras_ptft.data.leakage.training_fingerprints import seen_by, write_seen
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.pipeline.moments import moments
from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import TOKENIZERS, Tokenizer, learn
from keras_ptft.data.text.window_source import token_window_source
from keras_ptft.errors import UserError
from keras_ptft.experiment import run_dir
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.feature_model import check_causal, feature_model
from keras_ptft.models.normalization import NORMALIZATIONS, scaling_of
from keras_ptft.objectives import OBJECTIVES, Objective
from keras_ptft.objectives.saved import make_objective, write_objective
from keras_ptft.registry import lookup, settings
from keras_ptft.serving.export import check_export_dir
from keras_ptft.training.checkpointing.store import parse_interval
from keras_ptft.training.distribution import strategies
from keras_ptft.training.optimizers import OPTIMIZERS, SCHEDULES
from keras_ptft.transfer import audit
from keras_ptft.transfer.cut import split
from keras_ptft.transfer.loading import (
    TransferReport,
    check_input,
    fresh_copy,
    load_backbone,
    transfer_weights,
)

_LOG = logging.getLogger("keras_ptft")

GIVEN = "given"
"""What `dataset` or `backbone` is called where an object was handed over."""

# splits Chinese and its like into characters, and other scripts into words
_TOKENIZER = "characters"
_WINDOW = 128


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A pretrained backbone and where it came from.

    Attributes:
        backbone: the model.
        fingerprint: of its weights.
        path: its file; None where the model was handed over. Beside it may
            be the tokenizer, and what it was trained on.
    """

    backbone: keras.Model
    fingerprint: str
    path: pathlib.Path | None = None


def check(config: Config) -> None:
    """Finds errors that show before anything is loaded or written.

    Raises:
        UserError: an unknown entry or setting of one, a name that is none
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
        check_export_dir(config.export_to)
        files.check_folder(config.export_to, "export_to")
    tables: list[tuple[Mapping[str, Callable[..., Any]], str, str]] = [
        (data.DATASETS, config.dataset, "dataset"),
        (AUGMENTATIONS, config.augment, "augmentation"),
        (TOKENIZERS, config.tokenizer or _TOKENIZER, "tokenizer"),
        (BACKBONES, config.backbone or "cnn", "backbone"),
        (NORMALIZATIONS, config.normalization, "normalization"),
        (OBJECTIVES, config.objective, "objective"),
        (OPTIMIZERS, config.optimizer, "optimizer"),
        (SCHEDULES, config.schedule, "schedule"),
    ]
    for table, spec, kind in tables:
        if spec != GIVEN:
            lookup(table, spec, kind)
    _check_servable(config)


def prepare(config: Config) -> None:
    """Seeds the process and sets its precision."""
    strategies.prepare(
        seed=config.seed,
        precision=config.precision,
        deterministic=config.deterministic,
    )


def load_pretrained(config: Config, given: keras.Model | None) -> Pretrained:
    """Loads the backbone that a fine-tuning starts from.

    Args:
        config: the settings; `init_from` says where it is.
        given: a backbone that was handed over, used where `init_from` is
            empty.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    if given is not None and not config.init_from:
        return Pretrained(given, audit.fingerprint(given))
    path = run_dir.find_backbone(config.init_from, config.runs_dir)
    backbone = load_backbone(path)
    return Pretrained(backbone, audit.fingerprint(backbone), path)


def load_dataset(
    config: Config,
    given: Dataset | None = None,
    *,
    on_leak: str,
    weights: pathlib.Path | None = None,
) -> tuple[Dataset, Leaks]:
    """Loads the data set of a run, and finds examples in two splits.

    Args:
        config: the settings.
        given: a data set that was handed over, in place of `dataset`.
        on_leak: what to do about examples in two splits: "fail", "drop" or
            "warn".
        weights: file of the weights to start from: they may have seen the
            test split, and beside them is the tokenizer.
    """
    dataset = _split(config, given)
    dataset, leaks = handle_leaks(
        dataset,
        on_leak,
        near=config.near_copies,
        pretrained_on=seen_by(weights) if weights else None,
    )
    return _prepared(config, dataset, weights), leaks


def reload_dataset(
    config: Config, given: Dataset | None, weights: pathlib.Path
) -> Dataset:
    """Loads the data set of a run again, to score or to export its model.

    Args:
        config: the settings of the run.
        given: a data set that was handed over, in place of `dataset`.
        weights: file of the run's model; beside it is the tokenizer.
    """
    return _prepared(config, _split(config, given), weights)


def _split(config: Config, given: Dataset | None) -> Dataset:
    """The data set with its chosen classes and a validation split."""
    dataset = _load(config) if given is None else data.checked(given, GIVEN)
    dataset = splits.select_classes(dataset, config.classes)
    return splits.hold_out_validation(dataset, config.validation_fraction)


def _prepared(
    config: Config, dataset: Dataset, weights: pathlib.Path | None
) -> Dataset:
    """The data set with its training subset, texts as tokens."""
    dataset = splits.subset_train(dataset, config.train_examples, config.seed)
    if isinstance(dataset.spec, tf.TensorSpec) and (
        dataset.spec.dtype == tf.string
    ):
        dataset = _tokenized(config, dataset, weights)
    _LOG.info("%s: %s.", config.dataset, _summary(dataset))
    return dataset


def objective_type(config: Config) -> type[Objective]:
    """Returns what is known of the objective before any data are."""
    return OBJECTIVES[lookup(OBJECTIVES, config.objective, "objective").name]


def build_objective(config: Config, info: DataInfo) -> Objective:
    """Builds the objective for a data set.

    Raises:
        UserError: the data are not for it.
    """
    return make_objective(config.objective, info)


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
            check_input(known, dataset.spec)
    if given is not None:
        backbone = fresh_copy(given)
        if pretrained is None:
            backbone.set_weights(given.get_weights())
        return backbone
    if pretrained is not None and not config.backbone:
        return fresh_copy(pretrained)
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
        scaling = scale(dataset.spec, partial(moments, dataset.splits["train"]))
    return entry(BackboneInput(info.spec, scaling=scaling))


def transfer(
    config: Config, pretrained: Pretrained, backbone: keras.Model
) -> TransferReport:
    """Loads the pretrained weights into a backbone, and logs which.

    Raises:
        UserError: less than `min_transferred` could be loaded.
    """
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


def cut(
    config: Config,
    model: keras.Model,
    backbone: keras.Model,
    objective: Objective,
) -> tuple[keras.Model | None, keras.Model]:
    """Returns the model's frozen part, or None, and the trained part."""
    features = feature_model(backbone, objective.feature_layer)
    return split(model, features, config.freeze)


def provenance(dataset: Dataset, **fingerprints: str) -> dict[str, Any]:
    """Returns what decides a run beside its settings.

    Args:
        dataset: the data set of the run.
        fingerprints: of models it starts from, by name.
    """
    sources = dataset.splits.items()
    found = {name: fingerprint(source) for name, source in sources}
    return {"data": found, **fingerprints}


def record(
    folder: pathlib.Path, config: Config, dataset: Dataset, leaks: Leaks
) -> None:
    """Writes what is known of a run before it trains."""
    write_objective(folder, config.objective, dataset.info)
    write_seen(folder, leaks.seen_after(dataset.splits["train"]))


def _load(config: Config) -> Dataset:
    if config.dataset == GIVEN:
        raise UserError(
            "This run's data set was handed over as an object: call the "
            "function of the library with dataset=."
        )
    return data.load(
        config.dataset,
        Loading(
            image_size=config.image_size,
            text_column=config.text_column,
            label_column=config.label_column,
            data_dir=config.data_dir,
            manual_dir=config.manual_dir,
            skip_bad_images=config.skip_bad_images,
        ),
    )


def _check_servable(config: Config) -> None:
    if config.export_to and not objective_type(config).servable:
        raise UserError(
            "An export must answer with labels, but --objective="
            f"{config.objective} has none: leave out --export_to, fine-tune "
            "first and export that."
        )


def _tokenized(
    config: Config, dataset: Dataset, weights: pathlib.Path | None
) -> Dataset:
    """Texts as tokens, as the pretrained weights or the settings say."""
    windows = objective_type(config).windows
    if weights is None:
        setting = config.tokenizer or _TOKENIZER
        texts = partial(texts_of, dataset.splits["train"])
        tokenizer = learn(setting, texts, config.sequence_length)
    else:
        tokenizer = Tokenizer.load(weights.parent)
        _check_tokenizer(config, tokenizer, weights)
    length = config.sequence_length or tokenizer.sequence_length
    if windows and weights is None:
        length = config.sequence_length or _WINDOW
    tokenizer = dataclasses.replace(tokenizer, sequence_length=length)
    make = token_window_source if windows else token_source
    parts = {name: make(s, tokenizer) for name, s in dataset.splits.items()}
    _log_losses(tokenizer, parts["train"])
    return Dataset(parts, dataset.label_names, tokenizer)


def _log_losses(tokenizer: Tokenizer, train: Source) -> None:
    size, longest = len(tokenizer.vocabulary), tokenizer.sequence_length
    text = f"{size:,} in the vocabulary, {train.unknown:.2%} unknown"
    if train.cut_off is not None:
        text += f", {train.cut_off:.2%} of the texts cut off at {longest:,}"
    _LOG.info("Tokens by %s: %s.", tokenizer.setting, text)


def _check_tokenizer(
    config: Config, tokenizer: Tokenizer, weights: pathlib.Path
) -> None:
    if config.tokenizer not in ("", tokenizer.setting):
        raise UserError(
            f"The weights {weights} read text by --tokenizer="
            f"{tokenizer.setting}, got {config.tokenizer}: leave it out."
        )


def _summary(dataset: Dataset) -> str:
    counts = ", ".join(f"{len(s):,} {n}" for n, s in dataset.splits.items())
    info = dataset.info
    if info.is_text:
        what = f"up to {info.sequence_length} tokens"
    elif isinstance(dataset.spec, Mapping):
        what = " and ".join(dataset.spec)
    else:
        what = "×".join(map(str, dataset.spec.shape))
        what += f" {dataset.spec.dtype.name}"
    classes = f"{len(info.label_names)} classes"
    return (
        f"{counts} examples of {what}, "
        f"{classes if info.label_names else 'no labels'}"
    )
