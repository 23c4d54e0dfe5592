"""Histograms whose bins are fixed by a reference."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

OTHERS = "(others)"
"""What names that have no bin of their own are counted as."""

# the tails hold some of the reference, so that no bin of it is empty and no
# extreme value of one example is stored
_QUANTILES = (0.005, *(n / 10 for n in range(1, 10)), 0.995)
_MOST_NAMES = 20
_WORTH_A_WORD = 0.01


class Bins(Protocol):
    """What values are counted in."""

    def count(self, values: np.ndarray) -> np.ndarray:
        """Returns how many values are in each bin, int64."""

    def change(self, before: np.ndarray, after: np.ndarray) -> str:
        """Returns which bin of two lists of shares changed; empty: none."""

    def as_dict(self) -> dict[str, Any]:
        """Returns what JSON has of the bins."""


@dataclasses.dataclass(frozen=True)
class NumberBins:
    """Bins of numbers: up to each edge, above the last, and missing ones.

    Attributes:
        edges: in increasing order; a number that equals one is below it.

    Example:

    >>> NumberBins((0.0, 1.0)).count(np.array([-1, 0, 0.5, 2, np.nan])).tolist()
    [2, 1, 1, 1]
    """

    edges: tuple[float, ...]

    @classmethod
    def of(cls, values: np.ndarray) -> "NumberBins":
        """Returns bins of ten quantiles, and of the tails beyond 0.5 %.

        A number that many examples share has a bin of its own.

        Args:
            values: the reference, float of shape (examples,).

        Example:

        >>> NumberBins.of(np.full(9, 3.0)).count(np.array([2, 3, 4])).tolist()
        [1, 1, 1, 0]
        """
        finite = values[np.isfinite(values)]
        if not len(finite):
            return cls(())
        found = np.quantile(finite, _QUANTILES)
        edges, times = np.unique(found, return_counts=True)
        below = np.nextafter(edges[times > 1], -np.inf)
        return cls(tuple(np.union1d(edges, below).tolist()))

    def count(self, values: np.ndarray) -> np.ndarray:
        """Returns how many numbers are in each bin, int64; NaN is missing."""
        present = values[~np.isnan(values)]
        bins = np.searchsorted(self.edges, present, side="left")
        counts = np.bincount(bins, minlength=len(self.edges) + 1)
        return np.append(counts, len(values) - len(present))

    def change(self, before: np.ndarray, after: np.ndarray) -> str:
        """Returns how the share of missing numbers changed, from 1 %."""
        if abs(after[-1] - before[-1]) < _WORTH_A_WORD:
            return ""
        return f"missing {before[-1]:.1%} → {after[-1]:.1%}"

    def as_dict(self) -> dict[str, Any]:
        """Returns the edges as JSON has them."""
        return {"edges": list(self.edges)}


@dataclasses.dataclass(frozen=True)
class NameBins:
    """Bins of names, and one of all others.

    Attributes:
        names: those with a bin of their own.

    Example:

    >>> NameBins(("a", "b")).count(np.array(["b", "c", "b"], object)).tolist()
    [0, 2, 1]
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, values: np.ndarray) -> "NameBins":
        """Returns bins of the 20 most frequent names.

        Args:
            values: the reference, `str` of shape (examples,).
        """
        names, times = np.unique(values.astype(str), return_counts=True)
        order = np.argsort(-times, kind="stable")[:_MOST_NAMES]
        return cls(tuple(sorted(names[order].tolist())))

    def count(self, values: np.ndarray) -> np.ndarray:
        """Returns how often each name occurs, int64, those of others last."""
        bins = {name: index for index, name in enumerate(self.names)}
        found = [bins.get(value, len(bins)) for value in values]
        return np.bincount(found, minlength=len(bins) + 1)

    def change(self, before: np.ndarray, after: np.ndarray) -> str:
        """Returns how the share of the name changed that changed most."""
        most = int(np.abs(after - before).argmax())
        name = (*self.names, OTHERS)[most]
        return f"{name}: {before[most]:.1%} → {after[most]:.1%}"

    def as_dict(self) -> dict[str, Any]:
        """Returns the names as JSON has them."""
        return {"names": list(self.names)}


@dataclasses.dataclass(frozen=True)
class Histogram:
    """How one quantity is distributed.

    Attributes:
        bins: where its values are counted.
        counts: int64, how many there are in each bin.
        mean: of the numbers that are not missing; None: of names.
    """

    bins: Bins
    counts: np.ndarray
    mean: float | None

    @classmethod
    def of(cls, values: np.ndarray, bins: Bins | None = None) -> "Histogram":
        """Counts values.

        Args:
            values: numbers, float with NaN where one is missing, or names,
                `str` objects; of shape (examples,).
            bins: those of a reference; None: the values are the reference.
        """
        named = values.dtype == object
        if bins is None:
            bins = NameBins.of(values) if named else NumberBins.of(values)
        counts = bins.count(values)
        if named:
            return cls(bins, counts, None)
        finite = values[np.isfinite(values)]
        return cls(bins, counts, float(finite.mean()) if len(finite) else None)

    def plus(self, other: "Histogram") -> "Histogram":
        """Returns the histogram of these values and others.

        Args:
            other: with the same bins.

        Example:

        >>> first = Histogram.of(np.array([1.0, 2.0]))
        >>> both = first.plus(Histogram.of(np.array([6.0]), first.bins))
        >>> both.mean, int(both.counts.sum())
        (3.0, 3)
        """
        # those that are missing have no part in the mean
        weights = self.counts[:-1].sum(), other.counts[:-1].sum()
        means = self.mean, other.mean
        pairs = zip(means, weights, strict=True)
        known = [(m, int(w)) for m, w in pairs if m is not None]
        total = sum(w for _, w in known)
        mean = sum(m * w for m, w in known) / total if known else None
        return Histogram(self.bins, self.counts + other.counts, mean)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "Histogram":
        """Returns what `as_dict` gave.

        Raises:
            LookupError: a part is missing.
        """
        bins: Bins
        if "names" in found:
            bins = NameBins(tuple(found["names"]))
        else:
            bins = NumberBins(tuple(found["edges"]))
        return cls(bins, np.array(found["counts"], np.int64), found["mean"])

    def as_dict(self) -> dict[str, Any]:
        """Returns the histogram as JSON has it."""
        counts = self.counts.tolist()
        return {**self.bins.as_dict(), "counts": counts, "mean": self.mean}
