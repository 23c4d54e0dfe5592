"""Examples that are in two splits: reported, dropped or refused."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.data.leakage.overlap import (
    PRETRAINING,
    Overlap,
    ShownPair,
    find_overlaps,
    hash_splits,
    shown_pairs,
)
from keras_ptft.data.leakage.training_fingerprints import (
    EMPTY,
    TrainingFingerprints,
)
from keras_ptft.errors import UserError

logger = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True)
class Leaks:
    """What was found, before anything was dropped.

    Attributes:
        overlaps: of each two splits, and of splits with "pretraining".
        duplicates: number of train's examples that repeat another.
        action: what was done about it.
        shown: the most similar pairs.
        contents: content hashes of train.
        image_hashes: perceptual hashes of train, uint8 of shape
            (images, 32), or None where near duplicates were not searched.
        pretrained_on: what the weights were trained on, or None if not
            known.
    """

    overlaps: tuple[Overlap, ...]
    duplicates: int
    action: str
    shown: tuple[ShownPair, ...]
    contents: np.ndarray
    image_hashes: np.ndarray | None
    pretrained_on: TrainingFingerprints | None

    def as_dict(self) -> dict[str, Any]:
        """Returns the counts for `result.json`: exact ones, and "near"."""
        near = {found.name: len(found.near) for found in self.overlaps}
        return {
            **{found.name: len(found.exact) for found in self.overlaps},
            "duplicates_in_train": self.duplicates,
            "near": None if self.image_hashes is None else near,
            "action": self.action,
        }

    def seen_after(self, train: Source) -> TrainingFingerprints:
        """Returns what weights were trained on after this training.

        Args:
            train: the examples trained on, all of the checked train split
                or some; as tokens, the texts of these count.
        """
        before = self.pretrained_on or EMPTY
        contents = (train if train.texts is None else train.texts).hashes
        hashes = EMPTY.hashes
        if self.image_hashes is not None:
            hashes = self.image_hashes[np.isin(self.contents, contents)]
        return before.union(contents, hashes)


def handle_leaks(
    dataset: Dataset,
    action: str,
    *,
    near: bool = True,
    pretrained_on: TrainingFingerprints | None = None,
) -> tuple[Dataset, Leaks]:
    """Finds examples that are in two splits, and drops or reports them.

    Near duplicates never stop a run, since similarity is no proof: where
    exact duplicates would, they are reported. The test split stays whole,
    so that scores are comparable: test examples that the weights were
    pretrained on stop the run or are reported.

    Args:
        dataset: with splits "train", "test" and perhaps "validation".
        action: "fail", "drop" (from train what is in the test or the
            validation split, from validation what is in the test split) or
            "warn".
        near: also find near duplicates of images.
        pretrained_on: what the weights were trained on, where it is known.

    Returns:
        The data set, and what was found.

    Raises:
        UserError: exact duplicates and `action` is "fail", test examples
            that the weights were pretrained on and it is not "warn", or
            nothing is left after dropping.
    """
    splits = dataset.splits
    hashes = hash_splits(splits) if near else {}
    overlaps = find_overlaps(splits, hashes, pretrained_on)
    for overlap in overlaps:
        _check_exact(overlap, len(splits[overlap.left]), action)
        _report_near(overlap, splits, action)
    contents = splits["train"].hashes
    leaks = Leaks(
        overlaps=tuple(overlaps),
        duplicates=len(contents) - len(np.unique(contents)),
        action=action,
        shown=shown_pairs(overlaps, splits),
        contents=contents,
        image_hashes=hashes["train"].hashes if hashes else None,
        pretrained_on=pretrained_on,
    )
    return _without(dataset, overlaps) if action == "drop" else dataset, leaks


def _check_exact(overlap: Overlap, total: int, action: str) -> None:
    """Refuses or reports exact duplicates."""
    count, right = len(overlap.exact), overlap.right
    if not count:
        return
    text = f"{count} of {total} {_adjective(overlap.left)} examples are "
    if right == PRETRAINING:
        text += "among those that the weights were pretrained on"
        remedy = "pretrain with --on_leak=drop, or set --on_leak=warn"
        refused = overlap.left == "test" and action != "warn"
    else:
        text += f"also in the {right} split"
        remedy = "use --on_leak=drop" if count < total else "use other data"
        refused = action == "fail"
    if refused:
        raise UserError(f"{text}, expected none: {remedy}.")
    logger.warning("%s: %s.", text, _outcome(overlap, action))


def _report_near(
    overlap: Overlap, splits: Mapping[str, Source], action: str
) -> None:
    if not len(overlap.near):
        return
    count = f"{len(overlap.near)} of {len(splits[overlap.left])}"
    left, right = _adjective(overlap.left), _adjective(overlap.right)
    text = f"{count} {left} images are near duplicates of {right} images"
    near = overlap.pairs[np.isin(overlap.pairs[:, 0], overlap.near)]
    if len(near):
        first, second, _ = near[0].tolist()
        one = splits[overlap.left].name_of(first)
        text += f", as {one} of {splits[overlap.right].name_of(second)}"
    logger.warning("%s: %s.", text, _outcome(overlap, action))


def _outcome(overlap: Overlap, action: str) -> str:
    if action == "drop" and overlap.right != PRETRAINING:
        return f"dropped from {_adjective(overlap.left)}"
    return "left in"


def _without(dataset: Dataset, overlaps: Sequence[Overlap]) -> Dataset:
    """The data set without the examples that are in a later split."""
    for split in ("train", "validation"):
        found = [
            np.union1d(overlap.exact, overlap.near)
            for overlap in overlaps
            if overlap.left == split and overlap.right != PRETRAINING
        ]
        indices = np.unique(np.concatenate([np.empty(0, np.int64), *found]))
        if not len(indices):
            continue
        source = dataset.splits[split]
        rest = np.setdiff1d(np.arange(len(source)), indices)
        if not len(rest):
            raise UserError(
                f"All {len(source)} {_adjective(split)} examples are also in "
                "another split, expected others: use other data."
            )
        dataset = dataset.keep(split, rest, "also in another split")
    return dataset


def _adjective(split: str) -> str:
    return "training" if split == "train" else split
