"""Images that tables name, with their labels."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from keras_ptft.data.core.account import LeftOut, left_out
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.class_folders import ClassFiles, SplitFiles
from keras_ptft.data.sources.file_groups import groups_of_files, hashed_groups
from keras_ptft.data.sources.file_tree import (
    FileAccount,
    listed_folder,
    relative,
)
from keras_ptft.data.sources.image_files import IMAGE_FILES, image_dataset
from keras_ptft.data.sources.named_images import (
    NamedImages,
    read_named,
    repeated,
)
from keras_ptft.data.sources.split_discovery import split_of
from keras_ptft.data.sources.split_folders import split_folders
from keras_ptft.data.sources.table_labels import (
    LabelReader,
    label_reader,
    without_missing_labels,
)
from keras_ptft.data.tables.table import TABLES, Table, open_table
from keras_ptft.errors import UserError

_FILE_NAME = "file_name"


def of_images(
    loading: Loading, tables: Mapping[str, Table], test_fraction: float
) -> Dataset:
    """Returns the data set of the images that tables name.

    Paths begin in `loading.image_root`, or else in the folder of the tables.
    Files below `image_root`, or else those beside the images, that no table
    names are accounted for.

    Args:
        loading: its `image_column` names the paths.
        tables: split to the table of its images.
        test_fraction: of train, if there is no table for testing.

    Raises:
        UserError: no such column or image, two labels for one image, or an
            image that cannot be decoded.
    """
    _check_settings(loading)
    loading, unlabelled = without_missing_labels(loading, tables.values())
    root = _image_root(loading, next(iter(tables.values())).path)
    reader = label_reader(loading)
    found = read_named(tables, dict.fromkeys(tables, root), reader, loading)
    named = _absolute(found)
    unused = FileAccount(IMAGE_FILES, root)
    if loading.image_root:
        unused.leave_out_unnamed(root, named)
    else:
        folders = {p.parent for part in found.values() for p in part.paths}
        for folder in sorted(folders):
            unused.leave_out_unnamed(folder, named, below=False)
    dataset = _dataset(found, unused, reader, loading, test_fraction)
    return dataset.noting(*unlabelled)


def find_metadata(
    root: pathlib.Path, loading: Loading
) -> dict[str, pathlib.Path]:
    """Finds the tables of a folder of images, or of its folders of splits.

    A table beside class folders counts if it has the columns of paths and
    labels.

    Args:
        root: the folder.
        loading: the settings of the run.

    Returns:
        Split to its table, "train" alone if the folder itself has one;
        empty if there are none.

    Raises:
        UserError: two for one split, or a split without one beside others.
    """
    if own := _metadata_in(root):
        columns = label_reader(loading).columns
        wanted = {loading.image_column or _FILE_NAME, *columns}
        is_whole = wanted <= set(open_table(own).columns)
        has_classes = bool(listed_folder(root).folders)
        return {"train": own} if is_whole or not has_classes else {}
    splits = split_folders(root).splits
    found = {split: _metadata_in(folder) for split, folder in splits.items()}
    tables = {split: file for split, file in found.items() if file}
    for split in splits:
        if tables and split not in tables:
            file = next(iter(tables.values()))
            raise UserError(
                f"{splits[split]} must hold a {file.name}, as {file.parent} "
                "does: add it."
            )
    return tables


def metadata_folder(
    loading: Loading,
    root: pathlib.Path,
    files: Mapping[str, pathlib.Path],
    test_fraction: float,
) -> Dataset:
    """Reads images beside a metadata.csv, as Hugging Face's `datasets`.

    Files of the folder that the tables do not name are accounted for.

    Args:
        loading: its `image_column`, or else "file_name", names the paths,
            which begin in the folder of their table.
        root: the folder of all.
        files: what `find_metadata` returned.
        test_fraction: of train, if there is no folder for testing.

    Raises:
        UserError: as `of_images`.
    """
    column = loading.image_column or _FILE_NAME
    loading = dataclasses.replace(loading, image_column=column)
    _check_settings(loading)
    tables = {split: open_table(file) for split, file in files.items()}
    loading, unlabelled = without_missing_labels(loading, tables.values())
    bases = {split: file.parent for split, file in files.items()}
    reader = label_reader(loading)
    found = read_named(tables, bases, reader, loading)
    named = _absolute(found)
    unused = FileAccount(IMAGE_FILES, root)
    where = ", ".join(relative(file, root) for file in files.values())
    notes = [f"images and labels are those of {where}, not of class folders"]
    if root in bases.values():
        unused.leave_out_unnamed(root, named)
    else:
        notes += split_folders(root).notes
        given = {base.name: split for split, base in bases.items()}
        inside = listed_folder(root)
        unused.leave_out_unnamed(root, named, below=False)
        for name in (*inside.hidden, *inside.folders):
            folder = root / name
            unused.leave_out_unnamed(folder, named, given.get(name, ""))
    dataset = _dataset(found, unused, reader, loading, test_fraction)
    return dataset.noting(*notes, *unlabelled)


def _check_settings(loading: Loading) -> None:
    both = {
        "--image_column": (loading.image_column, "--text_column"),
        "--group_column": (loading.group_column, "--group_pattern"),
    }
    others = {
        "--text_column": ",".join(loading.text_columns),
        "--group_pattern": loading.group_pattern,
    }
    for setting, (value, other) in both.items():
        if value and others[other]:
            raise UserError(
                f"{setting}={value} and {other}={others[other]} exclude each "
                "other: leave one out."
            )


def _image_root(loading: Loading, table: pathlib.Path) -> pathlib.Path:
    root = pathlib.Path(loading.image_root).expanduser()
    if loading.image_root and not root.is_dir():
        raise UserError(
            f"--image_root={loading.image_root} must be a folder of images: "
            "correct the path."
        )
    return root if loading.image_root else table.parent


def _metadata_in(folder: pathlib.Path) -> pathlib.Path | None:
    files = [folder / f"metadata{ending}" for ending in TABLES]
    found = [file for file in files if file.is_file()]
    if len(found) > 1:
        raise UserError(
            f"{folder} must hold one table of its images, got "
            f"{' and '.join(file.name for file in found)}: move one away."
        )
    return found[0] if found else None


def _absolute(found: Mapping[str, NamedImages]) -> set[str]:
    """The paths that are accounted for elsewhere."""
    images = [path for part in found.values() for path in part.paths]
    tables = [part.table.path for part in found.values()]
    return {os.path.abspath(path) for path in (*images, *tables)}


def _dataset(
    found: Mapping[str, NamedImages],
    unused: FileAccount,
    reader: LabelReader,
    loading: Loading,
    test_fraction: float,
) -> Dataset:
    files = _class_files(found, unused, reader)
    groups = _groups(found, files, loading)
    return image_dataset(files, groups, loading, test_fraction)


def _class_files(
    found: Mapping[str, NamedImages], unused: FileAccount, reader: LabelReader
) -> ClassFiles:
    twice = repeated(found)
    own = {split: part.labels for split, part in found.items()}
    # those of a split that is scored alone have names too
    every = [label for labels in own.values() for label in labels]
    where = {split: str(part.table.path) for split, part in found.items()}
    encoded = reader.encode({"train": every, **own}, where)
    splits = {
        split: SplitFiles(
            part.paths,
            encoded.labels[split],
            split if len(found) > 1 else "",
            encoded.values[split],
            np.array(part.by, object) if part.by else None,
        )
        for split, part in found.items()
    }
    rows = [
        row
        for split, part in found.items()
        for row in _unused_rows(part, splits[split].given)
    ]
    notes = [note for part in found.values() for note in part.table.notes]
    if twice:
        notes.append(f"{twice:,} rows name a file that a row before names")
    notes += [*encoded.notes, *unused.notes]
    notes += _named_after_splits(splits, unused.root)
    return ClassFiles(
        unused.root,
        splits,
        encoded.names,
        (*rows, *unused.left_out),
        tuple(dict.fromkeys(notes)),
        encoded.target_name,
    )


def _unused_rows(part: NamedImages, given: str) -> Iterator[LeftOut]:
    if part.table.blank:
        yield LeftOut("without content", part.table.blank, split=given)
    classes = [x for x in part.missing_labels if isinstance(x, str) and x]
    yield from left_out(
        "whose file is not there", part.missing, split=given, classes=classes
    )


def _named_after_splits(
    splits: Mapping[str, SplitFiles], root: pathlib.Path
) -> tuple[str, ...]:
    """A note on images of one table in folders of several splits, if any."""
    if len(splits) > 1:
        return ()
    paths = (path for part in splits.values() for path in part.paths)
    tops = {relative(path, root).split("/")[0] for path in paths}
    if len({split_of(top) for top in tops} - {""}) < 2:
        return ()
    return (
        f"folders {', '.join(sorted(tops))} are not read as splits: give "
        "each its own table",
    )


def _groups(
    found: Mapping[str, NamedImages], files: ClassFiles, loading: Loading
) -> dict[str, np.ndarray | None]:
    if not loading.group_column:
        return groups_of_files(files, loading.group_pattern)
    return {split: hashed_groups(part.groups) for split, part in found.items()}
