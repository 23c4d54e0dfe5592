"""Which examples of one split stand in another, alike or nearly so."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source, name_of
from keras_ptft.data.leakage.near_duplicates import (
    NONE,
    ImageHashes,
    near_copies,
    prints,
    supports_hashing,
)
from keras_ptft.data.leakage.training_fingerprints import TrainingFingerprints

_LOG = logging.getLogger("keras_ptft")

# an example may be dropped from the first of a pair, never from the test split
_PAIRS = (
    ("train", "test"),
    ("validation", "test"),
    ("train", "validation"),
)
PRETRAINING = "pretraining"
_MANY = 10_000


@dataclasses.dataclass(frozen=True)
class Overlap:
    """What two splits have in common.

    Attributes:
        left: name of the split that examples may be dropped from.
        right: name of the split that stays whole, or "pretraining".
        exact: int64, numbers in `left` whose content stands in `right`.
        near: int64, other numbers in `left` with a near copy in `right`.
        pairs: int64 of shape (pairs, 3), the most alike first: number in
            `left`, in `right`, and how many of 256 bits of their hashes
            differ; some of the exact ones, and all near ones that are known.
    """

    left: str
    right: str
    exact: np.ndarray
    near: np.ndarray
    pairs: np.ndarray

    @property
    def name(self) -> str:
        """As it is called in `result.json`."""
        return f"{self.left}_in_{self.right}"


@dataclasses.dataclass(frozen=True)
class ShownPair:
    """Two images that show one picture, or one text twice, for a report.

    Attributes:
        splits: where they stand.
        names: what they are known by there.
        bits: how many of 256 bits of their perceptual hashes differ.
        images: uint8 pixels of both; of texts, none.
        text: what both say, where they are texts.
    """

    splits: tuple[str, str]
    names: tuple[str, str]
    bits: int
    images: tuple[np.ndarray, ...]
    text: str | None = None


def hash_splits(splits: Mapping[str, Source]) -> dict[str, ImageHashes]:
    """The prints of each split, or nothing where they are no images."""
    if not supports_hashing(splits["train"].spec):
        return {}
    images = sum(map(len, splits.values()))
    if images >= _MANY:
        _LOG.info(
            "Comparing %s images for near copies; --near_copies=false would "
            "leave it out.",
            f"{images:,}",
        )
    return {name: prints(source) for name, source in splits.items()}


def find_overlaps(
    splits: Mapping[str, Source],
    looks: Mapping[str, ImageHashes],
    seen: TrainingFingerprints | None = None,
) -> list[Overlap]:
    """What each two splits, and those tested on and pretraining, share.

    Args:
        splits: "train", "test" and perhaps "validation".
        looks: the prints of each, or nothing: then near copies are not
            looked for.
        seen: what the weights were pretrained on, where it is known.
    """
    found = [
        _between(splits, looks, left, right)
        for left, right in _PAIRS
        if left in splits and right in splits
    ]
    if seen is not None:
        tested = [name for name in ("test", "validation") if name in splits]
        found += [_in_pretraining(splits, looks, seen, t) for t in tested]
    return found


def shown_pairs(
    overlaps: Sequence[Overlap], splits: Mapping[str, Source], most: int = 8
) -> tuple[ShownPair, ...]:
    """The pairs that are most alike, with their pixels or their text.

    Each of two splits gives in turn, the test split first.
    """
    spec = splits["train"].spec
    if spec.dtype != tf.string and not supports_hashing(spec):
        return ()
    ranked = [
        (rank, place)
        for place, overlap in enumerate(overlaps)
        for rank in range(len(overlap.pairs))
    ]
    chosen = [
        (overlaps[p], overlaps[p].pairs[rank])
        for rank, p in sorted(ranked)[:most]
    ]
    return tuple(_shown(overlap, pair, splits) for overlap, pair in chosen)


def _between(
    splits: Mapping[str, Source],
    looks: Mapping[str, ImageHashes],
    left: str,
    right: str,
) -> Overlap:
    hashes, others = splits[left].hashes, splits[right].hashes
    exact = np.flatnonzero(np.isin(hashes, others))
    copies = near_copies(looks[left], looks[right]) if looks else NONE
    new = ~np.isin(copies.left, exact)
    near = np.stack([copies.left, copies.right, copies.bits], axis=1)[new]
    pairs = np.concatenate([_exact_pairs(hashes, others, exact[:4]), near])
    return Overlap(left, right, exact, np.unique(near[:, 0]), pairs)


def _exact_pairs(
    hashes: np.ndarray, others: np.ndarray, exact: np.ndarray
) -> np.ndarray:
    pairs = [(n, int(np.argmax(others == hashes[n])), 0) for n in exact]
    return np.array(pairs, np.int64).reshape(-1, 3)


def _in_pretraining(
    splits: Mapping[str, Source],
    looks: Mapping[str, ImageHashes],
    seen: TrainingFingerprints,
    split: str,
) -> Overlap:
    exact = seen.exact(splits[split].hashes)
    near = seen.near(looks[split].hashes) if looks else exact
    near = np.setdiff1d(near, exact)
    none = np.empty((0, 3), np.int64)
    return Overlap(split, PRETRAINING, exact, near, none)


def _shown(
    overlap: Overlap, pair: np.ndarray, splits: Mapping[str, Source]
) -> ShownPair:
    sides = (overlap.left, int(pair[0])), (overlap.right, int(pair[1]))
    images = (splits[s].gather(tf.constant([n], tf.int64)) for s, n in sides)
    images = tuple(batch[0].numpy() for batch in images)
    text = None
    if isinstance(images[0], bytes):
        # copies of a text are exact ones
        text, images = images[0].decode("utf-8", "replace"), ()
    one, other = (name_of(splits[split], number) for split, number in sides)
    return ShownPair(
        splits=(overlap.left, overlap.right),
        names=(one, other),
        bits=int(pair[2]),
        images=images,
        text=text,
    )
