"""Texts in class folders, one a file."""

import pathlib
from collections.abc import Sequence

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Loading, Source
from keras_ptft.data.sources.class_folders import class_files
from keras_ptft.data.sources.file_groups import groups_of_files
from keras_ptft.data.sources.file_tree import FileKind
from keras_ptft.data.sources.unlabelled_files import (
    files_with_or_without_labels,
)
from keras_ptft.data.text.files import MOST_BYTES, text_file
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import FileTexts
from keras_ptft.errors import UserError

_TEXTS = FileKind(
    "textfolder",
    "texts",
    (".txt",),
    ", or read files of one text a line by --dataset=lines:PATH",
)


def textfolder(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Class folders of .txt files, one text a file.

    The folder holds one folder per class, split by the content of the files,
    or folders of splits, such as train/ and test/, each with one folder per
    class. An objective that needs no labels takes all texts in the folder
    and below where there are no class folders. --group_pattern keeps files
    together by their names. The texts stay in their files, which must not
    change while they are in use.

    Args:
        loading: the settings of the run.
        path: the folder.
        test_fraction: fraction of the texts held out for testing if there
            is no folder for them.

    Raises:
        UserError: no such folder, no class folders, a class without texts,
            a file that is empty, larger than 16 MB or not UTF-8, or a name
            without a group.
    """
    loading.refuse("textfolder", "group_column", "image_column", "image_root")
    find = class_files if loading.needs_labels else files_with_or_without_labels
    found = find(path, _TEXTS)
    groups = groups_of_files(found, loading.group_pattern)
    sources: dict[str, Source] = {}
    for split, part in found.splits.items():
        sources[split] = _source(part.paths, part.labels)
        sources[split].groups = groups[split]
    return Dataset(
        sources,
        found.names,
        test_fraction=test_fraction,
        left_out=found.left_out,
        notes=found.notes,
    )


def _source(paths: Sequence[pathlib.Path], labels: np.ndarray) -> TextSource:
    texts = FileTexts()
    for path in paths:
        file = text_file(path)
        size = file.end - file.start
        if size > MOST_BYTES:
            raise UserError(
                f"{path} must hold a text of at most {MOST_BYTES >> 20} MB, "
                f"got {size / 2**20:.0f} MB: split it."
            )
        for start, content in file.blocks(file.start, file.end, size):
            texts.append(file, start, content)
    return TextSource(texts, labels)
