"""Examples that stand in two splits: found, told, dropped or refused."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Source, name_of, take
from keras_ptft.data.leakage.overlap import (
    PRETRAINING,
    Overlap,
    ShownPair,
    find_overlaps,
    hash_splits,
    shown_pairs,
)
from keras_ptft.data.leakage.training_fingerprints import (
    NOTHING,
    TrainingFingerprints,
)
from keras_ptft.errors import UserError

_LOG = logging.getLogger("keras_ptft")
_WORDS = {"train": "training"}


@dataclasses.dataclass(frozen=True)
class Leaks:
    """What was found, before anything was dropped.

    Attributes:
        overlaps: of each two splits, and of splits with "pretraining".
        duplicates: examples of train that repeat another.
        action: what was done about it.
        shown: the worst pairs of images.
        contents: hashes of train's contents.
        looks: perceptual hashes of train, uint8 of shape (images, 32), or
            None where near copies were not looked for.
        pretrained_on: what the weights had seen, or None if not known.
    """

    overlaps: tuple[Overlap, ...]
    duplicates: int
    action: str
    shown: tuple[ShownPair, ...]
    contents: np.ndarray
    looks: np.ndarray | None
    pretrained_on: TrainingFingerprints | None

    def as_dict(self) -> dict[str, Any]:
        """Counts as `result.json` has them: exact ones, and "near"."""
        near = {found.name: len(found.near) for found in self.overlaps}
        return {
            **{found.name: len(found.exact) for found in self.overlaps},
            "duplicates_in_train": self.duplicates,
            "near": None if self.looks is None else near,
            "action": self.action,
        }

    def seen_after(self, train: Source) -> TrainingFingerprints:
        """What weights have seen once they are trained on `train`.

        Args:
            train: examples of the train split that was looked at.
        """
        before = self.pretrained_on or NOTHING
        # windows of running text are known by the texts they were cut from
        train = getattr(train, "texts", None) or train
        looks = NOTHING.hashes
        if self.looks is not None:
            looks = self.looks[np.isin(self.contents, train.hashes)]
        return before.union(train.hashes, looks)


def handle_leaks(
    dataset: Dataset,
    action: str,
    *,
    near: bool = True,
    pretrained_on: TrainingFingerprints | None = None,
) -> tuple[Dataset, Leaks]:
    """Looks for examples that stand in two splits, and does what is asked.

    Near copies are judged by their looks, so they never stop a run: where
    exact ones would, they are told. The test split stays whole, so that it
    measures the same whatever is trained: what pretraining has seen of it
    stops the run, or is told.

    Args:
        dataset: with splits "train" and "test", and "validation" or not.
        action: "fail", "drop" (from train what stands in the test or the
            validation split, from validation what stands in the test split)
            or "warn".
        near: also look for near copies of images.
        pretrained_on: what the weights were trained on, where it is known.

    Returns:
        The data set, and what was found.

    Raises:
        UserError: exact copies and `action` is "fail", test examples that
            pretraining has seen and it is not "warn", or dropping leaves
            nothing.
    """
    splits = dataset.splits
    looks = hash_splits(splits) if near else {}
    overlaps = find_overlaps(splits, looks, pretrained_on)
    for overlap in overlaps:
        _judge(overlap, len(splits[overlap.left]), action)
        _tell_near(overlap, splits, action)
    contents = splits["train"].hashes
    report = Leaks(
        overlaps=tuple(overlaps),
        duplicates=len(contents) - len(np.unique(contents)),
        action=action,
        shown=shown_pairs(overlaps, splits),
        contents=contents,
        looks=looks["train"].hashes if looks else None,
        pretrained_on=pretrained_on,
    )
    return _without(dataset, overlaps) if action == "drop" else dataset, report


def _judge(overlap: Overlap, total: int, action: str) -> None:
    """Stops the run at exact copies, or tells of them."""
    count, right = len(overlap.exact), overlap.right
    if not count:
        return
    text = f"{count} of {total} {_word(overlap.left)} examples stand in "
    if right == PRETRAINING:
        text += "what the weights were pretrained on"
        remedy = "pretrain with --on_leak=drop, or set --on_leak=warn"
        refused = overlap.left == "test" and action != "warn"
    else:
        text += f"the {right} split too"
        remedy = "use --on_leak=drop" if count < total else "use other data"
        refused = action == "fail"
    if refused:
        raise UserError(f"{text}, expected none: {remedy}.")
    _LOG.warning("%s: %s.", text, _done(overlap, action))


def _tell_near(
    overlap: Overlap, splits: Mapping[str, Source], action: str
) -> None:
    if not len(overlap.near):
        return
    left, right = _word(overlap.left), _word(overlap.right)
    count = f"{len(overlap.near)} of {len(splits[overlap.left])}"
    text = f"{count} {left} images are near copies of {right} images"
    near = overlap.pairs[np.isin(overlap.pairs[:, 0], overlap.near)]
    if len(near):
        one = name_of(splits[overlap.left], near[0, 0])
        other = name_of(splits[overlap.right], near[0, 1])
        text += f", as {one} of {other}"
    _LOG.warning("%s: %s.", text, _done(overlap, action))


def _done(overlap: Overlap, action: str) -> str:
    if action == "drop" and overlap.right != PRETRAINING:
        return f"dropped from {_word(overlap.left)}"
    return "left in"


def _without(dataset: Dataset, overlaps: Sequence[Overlap]) -> Dataset:
    changed = {}
    for split in ("train", "validation"):
        found = [
            np.union1d(overlap.exact, overlap.near)
            for overlap in overlaps
            if overlap.left == split and overlap.right != PRETRAINING
        ]
        numbers = np.unique(np.concatenate(found)) if found else np.empty(0)
        if not len(numbers):
            continue
        source = dataset.splits[split]
        rest = np.setdiff1d(np.arange(len(source)), numbers)
        if not len(rest):
            raise UserError(
                f"All {len(source)} {_word(split)} examples stand in another "
                "split too, expected others: use other data."
            )
        changed[split] = take(source, rest)
    return dataset.with_splits(**changed) if changed else dataset


def _word(split: str) -> str:
    return _WORDS.get(split, split)
