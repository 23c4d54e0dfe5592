"""What became of each example that was found: used, or left out and why."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_ptft.data.core.targets import facts_of

if TYPE_CHECKING:
    from keras_ptft.data.core.dataset import Dataset, Source

SHOWN = 3
"""As many examples are named of those left out for one reason."""

_CLASSES_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Examples that were found and are not used, for one reason.

    Attributes:
        reason: why, to be read after "left out": "that cannot be decoded".
        count: how many.
        first: names of the first of them.
        split: the split they were found in; empty: in none.
        classes: how many of each class, where that is known.

    Example:

    >>> str(LeftOut("of a format that is not read", 2, ("a.svg", "b.svg")))
    '2 of a format that is not read (a.svg, b.svg)'
    """

    reason: str
    count: int
    first: tuple[str, ...] = ()
    split: str = ""
    classes: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        where = f" in {self.split}" if self.split else ""
        dots = ", ..." if 0 < len(self.first) < self.count else ""
        named = f" ({', '.join(self.first)}{dots})" if self.first else ""
        return f"{self.count:,} {self.reason}{where}{named}"

    def as_dict(self) -> dict[str, Any]:
        """Returns what `result.json` holds."""
        fields = dataclasses.asdict(self)
        return {**fields, "first": list(self.first)}


def left_out(
    reason: str,
    names: Iterable[str],
    *,
    split: str = "",
    classes: Iterable[str] = (),
) -> tuple[LeftOut, ...]:
    """Accounts for examples by their names.

    Args:
        reason: why they are left out.
        names: what a user knows each by.
        split: where they were found.
        classes: the class of each, where that is known.

    Returns:
        One entry; none where there are no names.

    Example:

    >>> left_out("hidden", ["._a.png"], classes=["cat"])[0].classes
    {'cat': 1}
    """
    found = tuple(names)
    if not found:
        return ()
    counts: dict[str, int] = {}
    for name in classes:
        counts[name] = counts.get(name, 0) + 1
    return (LeftOut(reason, len(found), found[:SHOWN], split, counts),)


@dataclasses.dataclass(frozen=True)
class Account:
    """All examples of a data set: found = used + left out.

    Attributes:
        found: examples found by the loader, in all splits.
        used: split to class to the number of examples; the class is "" where
            there are no classes.
        left_out: those that are not used.
        notes: what was changed or guessed, a sentence each.
        targets: split to `targets.facts_of` its targets, where examples have
            no class.
    """

    found: int
    used: Mapping[str, Mapping[str, int]]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    targets: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=dict
    )

    def as_dict(self) -> dict[str, Any]:
        """Returns what `result.json` holds, "left_out" also by split."""
        splits = {
            split: {
                "used": sum(classes.values()),
                "left_out": sum(
                    part.count for part in self.left_out if part.split == split
                ),
                "classes": {k: v for k, v in classes.items() if k},
                **self.targets.get(split, {}),
            }
            for split, classes in self.used.items()
        }
        return {
            "found": self.found,
            "used": sum(part["used"] for part in splits.values()),
            "splits": splits,
            "left_out": [part.as_dict() for part in self.left_out],
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """Returns a short block for the terminal.

        Example:

        >>> Account(5, {"train": {"a": 2, "b": 1}, "test": {"a": 1}},
        ...     (LeftOut("hidden", 1),), ("commas separate",)).lines()
        ['5 found, 4 used: 3 train (a: 2, b: 1), 1 test', \
'  left out: 1 hidden', '  note: commas separate']
        """
        totals = {k: sum(part.values()) for k, part in self.used.items()}
        parts = [
            f"{totals[split]:,} {split}{self._counted(split)}"
            for split in self.used
        ]
        used = sum(totals.values())
        some = "all" if used == self.found else f"{used:,}"
        return [
            f"{self.found:,} found, {some} used: {', '.join(parts)}",
            *(f"  left out: {part}" for part in self.left_out),
            *(f"  note: {note}" for note in self.notes),
        ]

    def _counted(self, split: str) -> str:
        counts = self.used[split]
        if facts := self.targets.get(split):
            labels = facts.get("labels", {})
            counts = {**labels, "none": facts["without"]} if labels else {}
        return _in_classes(counts, split)


def account(dataset: "Dataset") -> Account:
    """Accounts for every example of a data set.

    Args:
        dataset: with `found` as it was when it was loaded.

    Raises:
        RuntimeError: an example is neither used nor left out: an error of
            this program.
    """
    names = dataset.class_names
    used = {k: _counts(part, names) for k, part in dataset.splits.items()}
    total = sum(sum(part.values()) for part in used.values())
    total += sum(part.count for part in dataset.left_out)
    found = total if dataset.found is None else dataset.found
    if found != total:
        raise RuntimeError(f"{found} examples found, {total} accounted for")
    targets = {
        split: facts_of(part.values, dataset.label_names)
        for split, part in dataset.splits.items()
        if part.values is not None
    }
    return Account(found, used, dataset.left_out, dataset.notes, targets)


def _counts(source: "Source", names: Sequence[str]) -> dict[str, int]:
    labels = source.labels
    known = labels[labels >= 0]
    if not names or not len(known):
        return {"": len(source)}
    counts = np.bincount(known, minlength=len(names)).tolist()
    return dict(zip(names, counts, strict=True))


def _in_classes(classes: Mapping[str, int], split: str) -> str:
    if split != "train" or "" in classes or not classes:
        return ""
    if len(classes) <= _CLASSES_SHOWN:
        counts = (f"{name}: {count:,}" for name, count in classes.items())
        return f" ({', '.join(counts)})"
    low, high = min(classes.values()), max(classes.values())
    return f" ({len(classes):,} classes of {low:,} to {high:,})"
