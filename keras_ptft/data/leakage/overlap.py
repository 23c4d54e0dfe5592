"""Which examples of one split are in another, exactly or nearly."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source, short_name
from keras_ptft.data.leakage.near_duplicates import (
    ImageHashes,
    compute_hashes,
    near_duplicates,
    supports_hashing,
)
from keras_ptft.data.leakage.training_fingerprints import TrainingFingerprints

logger = logging.getLogger("keras_ptft")

# examples may be dropped from the first of each pair, never from the test split
_PAIRS = (
    ("train", "test"),
    ("validation", "test"),
    ("train", "validation"),
)
PRETRAINING = "pretraining"
# what takes seconds: 10,000 digits of MNIST, or 157 photos of 224 × 224
_MANY_PIXELS = 10_000 * 28 * 28
_NO_PAIRS = np.empty((0, 3), np.int64)


@dataclasses.dataclass(frozen=True)
class Overlap:
    """What two splits have in common.

    Attributes:
        left: name of the split that examples may be dropped from.
        right: name of the split that stays whole, or "pretraining".
        exact: int64, indices in `left` of examples that are in `right`.
        near: int64, other indices in `left` with a near duplicate in
            `right`.
        pairs: int64 of shape (pairs, 3), the most similar first: index in
            `left`, index in `right`, and how many of 256 bits of their
            hashes differ; some of the exact ones, and all known near ones.
    """

    left: str
    right: str
    exact: np.ndarray
    near: np.ndarray
    pairs: np.ndarray

    @property
    def name(self) -> str:
        """The key in `result.json`."""
        return f"{self.left}_in_{self.right}"


@dataclasses.dataclass(frozen=True)
class ShownPair:
    """Two images of the same picture, or a duplicated text, for a report.

    Attributes:
        splits: which they are in.
        names: their files or indices there.
        bits: how many of 256 bits of their perceptual hashes differ.
        images: uint8 pixels of both; empty for texts.
        text: of both, where they are texts.
    """

    splits: tuple[str, str]
    names: tuple[str, str]
    bits: int
    images: tuple[np.ndarray, ...]
    text: str | None = None


def hash_splits(splits: Mapping[str, Source]) -> dict[str, ImageHashes]:
    """Computes the hashes of each split; of other than images, none."""
    spec = splits["train"].spec
    if isinstance(spec, Mapping) or not supports_hashing(spec):
        return {}
    images = sum(map(len, splits.values()))
    height, width, _ = spec.shape
    if images * height * width >= _MANY_PIXELS:
        logger.info(
            "Comparing %s images to find near duplicates; "
            "--near_copies=false skips this.",
            f"{images:,}",
        )
    return {name: compute_hashes(source) for name, source in splits.items()}


def find_overlaps(
    splits: Mapping[str, Source],
    hashes: Mapping[str, ImageHashes],
    seen: TrainingFingerprints | None = None,
) -> list[Overlap]:
    """Finds what each two splits have in common, and with pretraining.

    Args:
        splits: "train", "test" and perhaps "validation"; others are not
            compared.
        hashes: of each split; empty: near duplicates are not searched.
        seen: what the weights were pretrained on, where it is known.

    Returns:
        An overlap, perhaps an empty one, for each comparison.
    """
    found = [
        _between(splits, hashes, left, right)
        for left, right in _PAIRS
        if left in splits and right in splits
    ]
    if seen is not None:
        tested = [name for name in ("test", "validation") if name in splits]
        found += [_in_pretraining(splits, hashes, seen, t) for t in tested]
    return found


def shown_pairs(
    overlaps: Sequence[Overlap], splits: Mapping[str, Source], most: int = 8
) -> tuple[ShownPair, ...]:
    """Returns the most similar pairs, with their pixels or their text.

    The overlaps take turns, those with the test split first.
    """
    spec = splits["train"].spec
    if isinstance(spec, Mapping) or (
        spec.dtype != tf.string and not supports_hashing(spec)
    ):
        return ()
    ranked = [
        (rank, number)
        for number, overlap in enumerate(overlaps)
        for rank in range(len(overlap.pairs))
    ]
    return tuple(
        _shown(overlaps[number], rank, splits)
        for rank, number in sorted(ranked)[:most]
    )


def _between(
    splits: Mapping[str, Source],
    hashes: Mapping[str, ImageHashes],
    left: str,
    right: str,
) -> Overlap:
    contents, others = splits[left].hashes, splits[right].hashes
    exact = np.flatnonzero(np.isin(contents, others))
    near = _NO_PAIRS
    if hashes:
        near = near_duplicates(hashes[left], hashes[right])
        near = near[~np.isin(near[:, 0], exact)]
    same = [(n, int(np.argmax(others == contents[n])), 0) for n in exact[:4]]
    pairs = np.concatenate([np.array(same, np.int64).reshape(-1, 3), near])
    return Overlap(left, right, exact, np.unique(near[:, 0]), pairs)


def _in_pretraining(
    splits: Mapping[str, Source],
    hashes: Mapping[str, ImageHashes],
    seen: TrainingFingerprints,
    split: str,
) -> Overlap:
    exact = seen.exact(splits[split].hashes)
    near = seen.near(hashes[split].hashes) if hashes else exact
    near = np.setdiff1d(near, exact)
    return Overlap(split, PRETRAINING, exact, near, _NO_PAIRS)


def _shown(
    overlap: Overlap, rank: int, splits: Mapping[str, Source]
) -> ShownPair:
    left, right, bits = overlap.pairs[rank].tolist()
    sources = splits[overlap.left], splits[overlap.right]
    inputs = tuple(
        source.gather(tf.constant([index], tf.int64))[0].numpy()
        for source, index in zip(sources, (left, right), strict=True)
    )
    is_text = isinstance(inputs[0], bytes)
    return ShownPair(
        splits=(overlap.left, overlap.right),
        names=(short_name(sources[0], left), short_name(sources[1], right)),
        bits=bits,
        images=() if is_text else inputs,
        text=inputs[0].decode("utf-8", "replace") if is_text else None,
    )
