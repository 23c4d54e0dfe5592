"""The data of a run: loaded, checked, split, accounted for, as tokens."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_ptft import data
from keras_ptft.config import Config
from keras_ptft.data.core import splits
from keras_ptft.data.core.account import Account, account
from keras_ptft.data.core.cache_folder import CacheFolder
from keras_ptft.data.core.checks import uncovered
from keras_ptft.data.core.classes import (
    leave_untrained,
    number_as_trained,
    select_classes,
)
from keras_ptft.data.core.dataset import Dataset, Loading, Source
from keras_ptft.data.core.info import (
    STRETCH,
    DataInfo,
    ImageForm,
    InputSpec,
)
from keras_ptft.data.core.targets import CLASSES, NUMBERS, SETS
from keras_ptft.data.images.color import parse_color
from keras_ptft.data.leakage.check import Leaks, handle_leaks
from keras_ptft.data.leakage.training_fingerprints import (
    TrainingFingerprints,
)
from keras_ptft.data.text.pair_source import incomplete, pair_source
from keras_ptft.data.text.pairs import named_columns
from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import Tokenizer, learn
from keras_ptft.data.text.window_source import token_window_source
from keras_ptft.errors import UserError
from keras_ptft.experiment.calibrating import check_validation
from keras_ptft.experiment.weights import Weights
from keras_ptft.objectives import Objective
from keras_ptft.objectives.saved import needs_labels, objective_type

_LOG = logging.getLogger("keras_ptft")

GIVEN = "given"
"""What `dataset` or `backbone` is called where an object was handed over."""

TOKENIZER = "characters"
"""The default: it splits Chinese and its like into characters, and other
scripts into words."""

_WINDOW = 128
_OF_CLASSES = ("train_per_class", "stratify", "class_weight", "sampling")


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The data of a run.

    Attributes:
        dataset: what is trained and tested on, texts as tokens.
        leaks: examples that were found in two splits.
        account: what became of every example.
    """

    dataset: Dataset
    leaks: Leaks
    account: Account


class ToScore(NamedTuple):
    """Data that a trained model is scored on.

    Attributes:
        dataset: with its test split alone.
        account: what became of every example.
        train: the training split of the same data, if there is one.
    """

    dataset: Dataset
    account: Account
    train: Source | None


def load_dataset(
    config: Config,
    given: Dataset | None,
    on_leak: str,
    weights: Weights | None = None,
    teacher: Weights | None = None,
) -> Loaded:
    """Loads the data set of a run, and finds examples in two splits.

    Args:
        config: the settings.
        given: a data set that was handed over, in place of `dataset`.
        on_leak: what to do about examples in two splits: "fail", "drop" or
            "warn".
        weights: those to start from: they may have seen the test split, and
            texts and images are read as they read them.
        teacher: those of a model that answers for the examples: it may have
            seen the test split too, and texts are read as it reads them.
    """
    known = [each for each in (weights, teacher) if each is not None]
    whole = _split(config, given, weights, _cache(config))
    _check_classes(config, whole)
    dataset, leaks = handle_leaks(
        whole,
        on_leak,
        near=config.near_copies,
        pretrained_on=_seen_by(known),
    )
    dataset = leave_untrained(dataset, config.untrained_classes)
    dataset = _subset(config, dataset)
    dataset = dataset.noting(*uncovered(dataset))
    _check_same_tokens(dataset, known)
    encoded = _encoded(config, dataset, known[0] if known else None)
    accounted = dataclasses.replace(account(dataset), notes=encoded.notes)
    _log_account(config, dataset, accounted)
    check_validation(config, encoded)
    return Loaded(encoded, leaks, accounted)


def reload_dataset(
    config: Config, given: Dataset | None, weights: Weights
) -> Dataset:
    """Loads the data set of a run again, to export its model.

    Args:
        config: the settings of the run.
        given: a data set that was handed over, in place of `dataset`.
        weights: the run's model.
    """
    dataset = leave_untrained(
        _split(config, given, weights), config.untrained_classes
    )
    dataset = _subset(config, dataset)
    return _encoded(config, dataset, weights)


def load_to_score(
    config: Config,
    given: Dataset | None,
    weights: Weights,
    trained: DataInfo,
    *,
    as_test: bool,
    classes: str = "",
    by: str = "",
) -> ToScore:
    """Loads data that a trained model is to be scored on.

    Columns and classes are those of the model, by their names; the data may
    lack some of its classes, or have no labels where it needs none.

    Args:
        config: the settings, where the data differ from the run's too.
        given: a data set that was handed over, in place of `dataset`.
        weights: the model.
        trained: what the model knows of its data.
        as_test: whether data that come in one piece are all for testing.
        classes: those of the model to score it on; empty: all.
        by: column of a table whose values are read too; empty: none.
    """
    loading = dataclasses.replace(
        _loading(config, weights),
        trained=trained,
        # models are scored by labels that they may have learned without any
        needs_labels=objective_type(config.objective).needs_labels,
        scoring=True,
        as_test=as_test,
        by_column=by,
    )
    if as_test:
        # nothing is split, so nothing has to stay together
        loading = dataclasses.replace(
            loading, group_column="", group_pattern="", folds=0, fold=0
        )
    dataset = select_classes(_load(config, given, loading), classes)
    if not loading.needs_labels:
        dataset = _labelled_alike(dataset, trained)
    if loading.needs_labels or dataset.label_names:
        dataset = number_as_trained(
            dataset,
            trained.label_names,
            # what the run left out is left out again
            drop_others=bool(config.classes) and not classes,
        )
    if "train" in dataset.splits:
        dataset = _with_validation(config, dataset)
        dataset = _subset(config, dataset)
    test = dataclasses.replace(dataset, splits={"test": dataset.splits["test"]})
    test = test.noting(*uncovered(test), *_trained_on(test, weights))
    # the other splits are counted, and need no tokens
    encoded = _encoded(config, test, weights)
    accounted = dataclasses.replace(account(dataset), notes=encoded.notes)
    if as_test:
        _log_account(config, dataset, accounted)
    return ToScore(encoded, accounted, dataset.splits.get("train"))


def _labelled_alike(dataset: Dataset, trained: DataInfo) -> Dataset:
    """Leaves labels aside where training examples have none to compare."""
    if trained.label_names or not dataset.label_names:
        return dataset
    note = "labels are not used, as the model was trained without any"
    return dataclasses.replace(dataset, label_names=()).noting(note)


def _check_classes(config: Config, dataset: Dataset) -> None:
    """Refuses settings of classes where examples have no labels at all."""
    if dataset.label_names or dataset.label_kind != CLASSES:
        return
    for name in filter(config.is_set, _OF_CLASSES):
        raise UserError(
            f"--{name}={getattr(config, name)} is for examples with classes, "
            f"and --dataset={config.dataset} has no labels: leave it out."
        )


def _split(
    config: Config,
    given: Dataset | None,
    weights: Weights | None,
    cache: CacheFolder | None = None,
) -> Dataset:
    """The data set with its chosen classes and a validation split."""
    loading = dataclasses.replace(_loading(config, weights), cache=cache)
    columns = weights.columns() if weights is not None else ()
    if columns:
        trained = DataInfo(columns=columns)
        loading = dataclasses.replace(loading, trained=trained)
    dataset = _load(config, given, loading)
    if weights is not None and not columns:
        dataset = dataset.noting(
            *_by_position(dataset, weights),
            *_as_images(dataset, config, weights),
        )
    return _with_validation(config, select_classes(dataset, config.classes))


def _cache(config: Config) -> CacheFolder | None:
    """Where photos are kept that are read in more than one epoch."""
    if not config.decode_cache:
        return None
    return CacheFolder.of_runs(config.runs_dir, config.feature_cache_gb)


def _with_validation(config: Config, dataset: Dataset) -> Dataset:
    return splits.hold_out_validation(
        dataset,
        config.validation_fraction,
        stratify=config.stratify,
        seed=config.split_seed,
    )


def _by_position(dataset: Dataset, weights: Weights) -> list[str]:
    """A note where columns cannot be found by the names of training."""
    spec = dataset.spec
    is_table = isinstance(spec, tf.TensorSpec) and spec.dtype != tf.string
    if not is_table or not dataset.columns:
        return []
    return [
        f"which columns {weights.name} was trained on is not known: those of "
        "the table are taken in its order"
    ]


def _as_images(dataset: Dataset, config: Config, weights: Weights) -> list[str]:
    """Notes of what images are made, because the weights take such."""
    spec, notes = dataset.spec, []
    if not isinstance(spec, tf.TensorSpec) or spec.shape.rank != 3:
        return []
    if weights.path is None and weights.image_size:
        notes = _as_squares(dataset, config, weights)
    if (weights.channels, spec.shape[-1]) == (3, 1):
        notes.append(f"grey images become colour, as {weights.name} takes them")
    return notes


def _as_squares(
    dataset: Dataset, config: Config, weights: Weights
) -> list[str]:
    side, resize = weights.image_size, dataset.image_form.resize
    found = [] if config.image_size else [f"of {side}×{side} pixels"]
    if not config.resize and resize == weights.resize:
        found.append(f"resized by --resize={resize}")
    if not found:
        return []
    return [f"images {', '.join(found)}, as {weights.name} takes them"]


def _load(config: Config, given: Dataset | None, loading: Loading) -> Dataset:
    if given is not None:
        return data.checked(given, GIVEN, loading)
    if config.dataset == GIVEN:
        raise UserError(
            "This run's data set was handed over as an object: call the "
            "function of the library with dataset=."
        )
    return data.load(config.dataset, loading)


def _loading(config: Config, weights: Weights | None) -> Loading:
    side = weights.image_size if weights is not None else 0
    resize = weights.resize if weights is not None else ""
    objective = objective_type(config.objective)
    return Loading(
        image_size=config.image_size or side,
        image_form=ImageForm(
            parse_color(config.background),
            config.resize or resize or STRETCH,
        ),
        data_dir=config.data_dir,
        manual_dir=config.manual_dir,
        skip_bad_images=config.skip_bad_images,
        text_columns=named_columns(config.text_column),
        label_kind=objective.label_kind,
        needs_labels=needs_labels(config.objective),
        label_column=config.label_column,
        label_columns=named_columns(config.label_columns),
        image_column=config.image_column,
        image_root=config.image_root,
        group_column=config.group_column,
        group_pattern=config.group_pattern,
        stratify=config.stratify,
        split_seed=config.split_seed,
        folds=config.folds,
        fold=config.fold,
    )


def _subset(config: Config, dataset: Dataset) -> Dataset:
    dataset = splits.subset(
        dataset, "validation", config.validation_examples, config.seed
    )
    each, share = config.train_per_class, config.train_fraction
    if each:
        reason = f"beyond --train_per_class={each}"
        return splits.subset_of_classes(
            dataset, lambda _: each, config.seed, reason
        )
    if share < 1:
        reason = f"beyond --train_fraction={share:g}"
        return splits.subset_of_classes(
            dataset, lambda size: round(share * size), config.seed, reason
        )
    return splits.subset(dataset, "train", config.train_examples, config.seed)


def _seen_by(known: Sequence[Weights]) -> TrainingFingerprints | None:
    """What some weights were trained on together, where that is known."""
    seen = [found for each in known if (found := each.seen()) is not None]
    if not seen:
        return None
    first, *others = seen
    for other in others:
        first = first.union(other.contents, other.hashes)
    return first


def _check_same_tokens(dataset: Dataset, known: Sequence[Weights]) -> None:
    """Refuses a teacher of texts that does not read them as the weights."""
    if not _are_texts(dataset.spec) or len(known) < 2:
        return
    ours, theirs = (each.tokenizer() for each in known)
    if (ours.setting, ours.vocabulary) != (theirs.setting, theirs.vocabulary):
        raise UserError(
            f"The teacher {known[1].name} must read texts as {known[0].name} "
            "does, with the same tokenizer and vocabulary: pretrain from "
            "random weights, which takes the teacher's, or choose another."
        )


def _are_texts(spec: InputSpec) -> bool:
    return isinstance(spec, tf.TensorSpec) and spec.dtype == tf.string


def _encoded(
    config: Config, dataset: Dataset, weights: Weights | None
) -> Dataset:
    """Texts as tokens, as the pretrained weights or the settings say."""
    if not _are_texts(dataset.spec):
        return dataset
    kind = objective_type(config.objective)
    if weights is None:
        tokenizer = learn(
            config.tokenizer or TOKENIZER,
            partial(texts_of, dataset.splits["train"]),
            config.sequence_length,
        )
    else:
        tokenizer = weights.tokenizer()
        _check_tokenizer(config, tokenizer, weights)
    length = config.sequence_length or tokenizer.sequence_length
    if kind.windows and weights is None:
        length = config.sequence_length or _WINDOW
    tokenizer = dataclasses.replace(tokenizer, sequence_length=length)
    make = _maker(kind)
    parts = {name: make(s, tokenizer) for name, s in dataset.splits.items()}
    _log_losses(tokenizer, next(iter(parts.values())))
    encoded = dataclasses.replace(dataset, splits=parts, tokenizer=tokenizer)
    if kind.pairs:
        return encoded.noting(*_without_partner(parts, length))
    return encoded.noting(*_without_tokens(parts))


def _maker(kind: type[Objective]) -> Callable[[Source, Tokenizer], Source]:
    """What makes tokens of the texts of a split."""
    if kind.windows:
        return token_window_source
    return pair_source if kind.pairs else token_source


def _without_partner(parts: Mapping[str, Source], longest: int) -> list[str]:
    counts = {name: incomplete(part, longest) for name, part in parts.items()}
    return [
        f"{count:,} of {len(parts[split]):,} {split} pairs lack a text, and "
        "are not counted"
        for split, count in counts.items()
        if count
    ]


def _without_tokens(parts: Mapping[str, Source]) -> list[str]:
    counts = {
        split: int(np.count_nonzero(part.lengths == 0))
        for split, part in parts.items()
        if part.lengths is not None
    }
    return [
        f"{count:,} of {len(parts[split]):,} {split} texts have no token"
        for split, count in counts.items()
        if count
    ]


def _check_tokenizer(
    config: Config, tokenizer: Tokenizer, weights: Weights
) -> None:
    if config.tokenizer not in ("", tokenizer.setting):
        raise UserError(
            f"The weights {weights.name} read text by --tokenizer="
            f"{tokenizer.setting}, got {config.tokenizer}: leave it out."
        )


def _log_losses(tokenizer: Tokenizer, source: Source) -> None:
    size, longest = len(tokenizer.vocabulary), tokenizer.sequence_length
    text = f"{size:,} in the vocabulary, {source.unknown:.2%} unknown"
    if source.cut_off is not None:
        text += f", {source.cut_off:.2%} of the texts cut off at {longest:,}"
    _LOG.info("Tokens by %s: %s.", tokenizer.setting, text)


def _trained_on(dataset: Dataset, weights: Weights) -> list[str]:
    """A note where a model is scored on what it was trained on."""
    if (seen := weights.seen()) is None:
        return []
    test = dataset.splits["test"].hashes
    if not len(known := seen.exact(test)):
        return []
    return [
        f"{len(known):,} of {len(test):,} test examples are among those that "
        "the model was trained on"
    ]


def _log_account(config: Config, dataset: Dataset, found: Account) -> None:
    first, *others = found.lines()
    kind = f"{_kind(dataset)}, {_targets(dataset, found)}"
    _LOG.info("%s: %s of %s.", config.dataset, first, kind)
    for line in others:
        _LOG.info("%s.", line)


def _kind(dataset: Dataset) -> str:
    spec: Any = dataset.spec
    if isinstance(spec, Mapping):
        return " and ".join(spec)
    if spec.dtype == tf.string:
        return "text"
    return f"{'×'.join(map(str, spec.shape))} {spec.dtype.name}"


def _targets(dataset: Dataset, found: Account) -> str:
    """What is to be predicted."""
    names = dataset.label_names
    if dataset.label_kind == NUMBERS:
        parts = found.targets.values()
        low, high = (
            min(p["lowest"] for p in parts),
            max(p["highest"] for p in parts),
        )
        return f"numbers from {low:.6g} to {high:.6g}"
    if dataset.label_kind == SETS:
        return f"{len(names):,} labels"
    return f"{len(names):,} classes" if names else "no labels"
