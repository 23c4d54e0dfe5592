"""Texts in class folders, one a file."""

import pathlib
from collections.abc import Sequence

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.class_folders import class_files
from keras_ptft.data.sources.split_discovery import with_test
from keras_ptft.data.text.files import MOST_BYTES, text_file
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import FileTexts
from keras_ptft.errors import UserError


def textfolder(
    _loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Class folders of .txt files, one text a file.

    The folder holds one folder per class, split by the content of the files,
    or train/ with test/ or val/ (validation/) beside it, each with one
    folder per class. The texts stay in their files, which must not change
    while they are in use.

    Args:
        path: the folder.
        test_fraction: fraction of the texts held out for testing if there
            is no test/.

    Raises:
        UserError: no such folder, fewer than two classes, a class without
            texts, a file that is empty, larger than 16 MB or not UTF-8.
    """
    files, names = class_files(path, "textfolder", (".txt",), "texts")
    sources = {
        split: _source(paths, labels)
        for split, (paths, labels) in files.items()
    }
    return with_test(sources, names, test_fraction)


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
