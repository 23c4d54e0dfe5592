"""The data of a run: loaded, checked, split, accounted for, as tokens."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

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
from keras_ptft.data.core.info import STRETCH, DataInfo, ImageForm
from keras_ptft.data.core.targets import CLASSES
from keras_ptft.data.images.color import parse_color
from keras_ptft.data.leakage.check import Leaks, handle_leaks
from keras_ptft.data.leakage.training_fingerprints import (
    TrainingFingerprints,
)
from keras_ptft.data.text.pairs import named_columns
from keras_ptft.errors import UserError
from keras_ptft.experiment.calibrating import check_validation
from keras_ptft.experiment.encoding import check_same_tokens, encoded
from keras_ptft.experiment.privacy import is_private, private_groups
from keras_ptft.experiment.telling import tell_account
from keras_ptft.experiment.weights import Weights
from keras_ptft.objectives.saved import needs_labels, objective_type

GIVEN = "given"
"""What `dataset` or `backbone` is called where an object was handed over."""

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
    *,
    by: str = "",
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
        by: column of a table whose values are read too; empty: none.
    """
    known = [each for each in (weights, teacher) if each is not None]
    whole = _split(config, given, weights, _cache(config), by=by)
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
    dataset = dataset.noting(*private_groups(config, dataset))
    check_same_tokens(dataset, known)
    tokens = encoded(config, dataset, known[0] if known else None)
    accounted = dataclasses.replace(account(dataset), notes=tokens.notes)
    tell_account(config.dataset, dataset, accounted)
    check_validation(config, tokens)
    return Loaded(tokens, leaks, accounted)


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
    return encoded(config, dataset, weights)


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
    tokens = encoded(config, test, weights)
    accounted = dataclasses.replace(account(dataset), notes=tokens.notes)
    if as_test:
        tell_account(config.dataset, dataset, accounted)
    return ToScore(tokens, accounted, dataset.splits.get("train"))


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
    *,
    by: str = "",
) -> Dataset:
    """The data set with its chosen classes and a validation split."""
    loading = dataclasses.replace(
        _loading(config, weights), cache=cache, by_column=by
    )
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
    if not config.decode_cache or is_private(config):
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
