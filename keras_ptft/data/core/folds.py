"""Test splits by cross-validation: each example is in one of them.

scikit-learn divides; what is ours keeps together what no split may divide,
and leaves a test split alone that the data came with.
"""

import dataclasses
import warnings
from typing import Any

import numpy as np

from keras_ptft.data.core.account import LeftOut
from keras_ptft.data.core.dataset import Dataset, Source, take
from keras_ptft.data.core.joined import JoinedSource
from keras_ptft.data.core.splits import keys_of, most_common
from keras_ptft.errors import UserError

_DIVIDED = "train", "validation"


def check_folds(folds: int, fold: int) -> None:
    """Refuses folds that there cannot be.

    Args:
        folds: how many parts; 0: none.
        fold: which of them is the test split, from 0.

    Raises:
        UserError: one part, a part that is not there, or a part of none.

    Example:

    >>> check_folds(5, 4)
    """
    if folds == 1:
        raise UserError(
            "--folds must be 0 for none, or at least 2, got 1: one part has "
            "no rest to train on."
        )
    if fold and not folds:
        raise UserError(
            f"--fold={fold} is one of the parts of --folds, got --folds=0: "
            "set it to their number."
        )
    if folds and fold >= folds:
        raise UserError(
            f"--fold must be from 0 to {folds - 1} with --folds={folds}, got "
            f"{fold}."
        )


def hold_out_fold(
    dataset: Dataset, folds: int, fold: int, *, seed: int = 0
) -> Dataset:
    """Makes one of several parts of the training examples the test split.

    A validation split is divided with them. Where examples have classes,
    each part has the same share of every class. Equal examples, and those of
    one group, are in one part.

    Args:
        dataset: with its own test split, if it has one, which is left out.
        folds: how many parts; 0: the data set stays as it is.
        fold: the part that becomes the test split, from 0.
        seed: each divides in another way.

    Returns:
        The data set with "train" and "test", and a note that tells which
        part is the test split.

    Raises:
        UserError: one running text, or fewer examples or groups than parts.
    """
    if not folds:
        return dataset
    check_folds(folds, fold)
    splits = dataset.splits
    own = [splits[name] for name in _DIVIDED if name in splits]
    if any(part.contiguous for part in own):
        raise UserError(
            f"--folds={folds} divides examples, and these data are one "
            "running text: leave it out."
        )
    pool = own[0] if len(own) == 1 else JoinedSource(own)
    numbers = fold_numbers(
        pool, folds, seed, stratify=bool(dataset.class_names)
    )
    parts = {
        "train": take(pool, np.flatnonzero(numbers != fold)),
        "test": take(pool, np.flatnonzero(numbers == fold)),
    }
    others = {k: v for k, v in splits.items() if k not in {*_DIVIDED, "test"}}
    which = f"fold {fold} of {folds} of the training split is the test"
    left_out = dataset.left_out
    if "test" in splits:
        reason = f"of the test split, left alone: {which}"
        left_out = (*left_out, LeftOut(reason, len(splits["test"])))
    divided = dataclasses.replace(
        dataset, splits={**parts, **others}, drawn=("test",), left_out=left_out
    )
    return divided if "test" in splits else divided.noting(which)


def fold_numbers(
    source: Source, folds: int, seed: int, *, stratify: bool
) -> np.ndarray:
    """Returns the part that each example is in.

    It does not depend on the order of the examples.

    Args:
        source: the examples, and their groups if they have any.
        folds: how many parts, at least 2.
        seed: each divides in another way.
        stratify: give each part the same share of every class.

    Returns:
        Integers from 0 to `folds` - 1, of shape (examples,).

    Raises:
        UserError: fewer things than parts, or a part would be empty.
    """
    keys, inverse = np.unique(keys_of(source), return_inverse=True)
    grouped = source.groups is not None
    things = "groups" if grouped else "different examples"
    if len(keys) < folds:
        raise UserError(
            f"--folds={folds} needs at least {folds} {things}, got "
            f"{len(keys)}: choose fewer."
        )
    labels = source.labels if grouped else most_common(inverse, source.labels)
    if stratify and (most := np.bincount(labels).max()) < folds:
        raise UserError(
            f"--folds={folds} needs a class with at least {folds} examples, "
            f"got at most {most}: choose fewer."
        )
    if stratify and grouped:
        # shuffled here, since scikit-learn before 1.8 loses the shares of
        # classes where it shuffles groups itself
        drawn = np.random.default_rng(seed).permutation(len(keys))[inverse]
        order = np.lexsort((labels, drawn))
        found = np.empty(len(source), np.int64)
        splitter = _splitter("StratifiedGroupKFold", folds)
        found[order] = _divided(splitter, labels[order], drawn[order])
    else:
        splitter = _splitter(
            "StratifiedKFold" if stratify else "KFold", folds, seed
        )
        labels = most_common(inverse, source.labels)
        found = _divided(splitter, labels)[inverse]
    sizes = np.bincount(found, minlength=folds)
    if not sizes.all():
        raise UserError(
            f"--folds={folds} leaves fold {sizes.argmin()} empty, since "
            f"{things} are never divided: choose fewer."
        )
    return found


def _splitter(name: str, folds: int, seed: int | None = None) -> Any:
    # a second to import, and most runs have no folds
    from sklearn import model_selection

    kind = getattr(model_selection, name)
    return kind(folds, shuffle=seed is not None, random_state=seed)


def _divided(
    splitter: Any, labels: np.ndarray, groups: np.ndarray | None = None
) -> np.ndarray:
    found = np.empty(len(labels), np.int64)
    with warnings.catch_warnings():
        # that a class has fewer members than there are parts: the account
        # names the classes that a split lacks
        warnings.simplefilter("ignore", UserWarning)
        parts = splitter.split(np.zeros(len(labels)), labels, groups)
        for number, (_, held_out) in enumerate(parts):
            found[held_out] = number
    return found
