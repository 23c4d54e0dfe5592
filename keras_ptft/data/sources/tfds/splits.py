"""The splits of a prepared set, and those that are not used."""

from collections.abc import Collection
from typing import Any

from keras_ptft.data.core.account import LeftOut
from keras_ptft.data.sources.split_discovery import split_of
from keras_ptft.errors import UserError

_SPLITS = ("train", "validation", "test")


def found_splits(builder: Any, name: str) -> dict[str, str]:
    """Returns what a set calls its splits.

    Args:
        builder: a `tfds.core.DatasetBuilder`.
        name: of the set, for errors.

    Returns:
        "train", and "validation" and "test" if there are such, to the names
        that they have in the set.

    Raises:
        UserError: there is nothing to train on.
    """
    stored = list(builder.info.splits)
    # an exact name goes before one that means the same
    ordered = sorted(stored, key=lambda split: split not in _SPLITS)
    found: dict[str, str] = {}
    for split in _SPLITS:
        same = [part for part in ordered if split_of(part) == split]
        if same:
            found[split] = same[0]
    if "train" not in found:
        raise UserError(
            f"tfds:{name} has no split 'train'; its splits are: "
            f"{', '.join(stored)}."
        )
    return found


def unused_splits(builder: Any, used: Collection[str]) -> tuple[LeftOut, ...]:
    """Accounts for the examples of the splits that are not used.

    Args:
        builder: a prepared `tfds.core.DatasetBuilder`.
        used: names of splits in the set.
    """
    return tuple(
        LeftOut(f"of split {name!r}, which is not used", info.num_examples)
        for name, info in builder.info.splits.items()
        if name not in used and info.num_examples
    )
