"""Which files hold the splits of a data set."""

import os
import pathlib
import re
from collections.abc import Mapping, Sequence

from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.data.core.splits import split_test
from keras_ptft.errors import UserError

_NAMES = {
    "train": "train",
    "validation": "validation|valid|val|dev",
    "test": "test",
}


def split_files(
    path: str, endings: Sequence[str], kind: str
) -> dict[str, pathlib.Path]:
    """The file of each split that has one; "train" may be all there is.

    Args:
        path: a file; a folder with train.tsv, and test.tsv and dev.tsv or
            not; or what the names of such files begin with, as
            "data/zho_Hans" of data/zho_Hans_train.tsv.
        endings: of the files' names, as "tsv".
        kind: of file, as an error names it.

    Raises:
        UserError: no such files, or two for one split.
    """
    root = pathlib.Path(path).expanduser()
    if root.is_dir():
        found = _found(root, "", endings)
    elif os.path.lexists(root) or not root.parent.is_dir():
        found = {"train": root} if os.path.lexists(root) else {}
    else:
        found = _found(root.parent, f"{re.escape(root.name)}[-_.]?", endings)
    if "train" not in found:
        wanted = f"train.{endings[0]}"
        missing = root / wanted if root.is_dir() else root
        raise UserError(
            f"No {kind} file {str(missing)!r}: give a file, a folder with "
            f"{wanted} and test.{endings[0]}, or what the names of such "
            "files begin with."
        )
    return found


def with_test(
    sources: Mapping[str, Source], names: tuple[str, ...], fraction: float
) -> Dataset:
    """A data set; without a test split, one is cut off train by content."""
    if "test" in sources:
        return Dataset(dict(sources), names)
    whole = split_test(sources["train"], names, fraction)
    rest = {k: part for k, part in sources.items() if k != "train"}
    return whole.with_splits(**rest)


def _found(
    root: pathlib.Path, prefix: str, endings: Sequence[str]
) -> dict[str, pathlib.Path]:
    ending = "|".join(map(re.escape, endings))
    found = {}
    for split, names in _NAMES.items():
        pattern = re.compile(rf"{prefix}(?:{names})\.(?:{ending})")
        files = sorted(
            name for name in os.listdir(root) if pattern.fullmatch(name)
        )
        if len(files) > 1:
            raise UserError(
                f"{root} must hold one {split} file, got "
                f"{' and '.join(files)}: move one away."
            )
        if files:
            found[split] = root / files[0]
    return found
