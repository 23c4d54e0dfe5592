"""Texts in class folders, one a file."""

import pathlib
from collections.abc import Sequence

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.class_folders import class_files
from keras_ptft.data.sources.split_discovery import with_test
from keras_ptft.data.text.files import MOST_BYTES, TextFile, pieces, text_file
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import FileTexts, text_hashes
from keras_ptft.errors import UserError

_ENDINGS = (".txt",)


def textfolder(
    _loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Class folders of .txt files, one text a file.

    The folder holds one folder a class, split by the content of the files,
    or train/ with test/ or val/ (validation/) beside it, each with one
    folder a class. The texts stay in their files, which must not change
    while they are in use.

    Args:
        path: the folder.
        test_fraction: share of the texts held out for testing where there
            is no test/.

    Raises:
        UserError: no such folder, fewer than two classes, a class without
            texts, an empty file, one of more than 16 MB, or what is no text
            in UTF-8.
    """
    files, names = class_files(path, "textfolder", _ENDINGS, "texts")
    sources = {
        split: _source(paths, labels)
        for split, (paths, labels) in files.items()
    }
    return with_test(sources, names, test_fraction)


def _source(paths: Sequence[pathlib.Path], labels: np.ndarray) -> TextSource:
    files = [text_file(path) for path in paths]
    digests = [text_hashes([_content(file)]) for file in files]
    hashes = np.concatenate([np.empty(0, np.uint64), *digests])
    starts = np.array([file.start for file in files], np.int64)
    lengths = np.array([file.end for file in files], np.int64) - starts
    counts = [1] * len(files)
    texts = FileTexts(files, counts, starts, lengths, hashes)
    return TextSource(texts, labels)


def _content(file: TextFile) -> bytes:
    size = file.end - file.start
    if size > MOST_BYTES:
        raise UserError(
            f"{file.path} must hold a text of at most {MOST_BYTES >> 20} MB, "
            f"got {size / 2**20:.0f} MB: part it."
        )
    ((_, content),) = pieces(file, file.start, file.end, size, len)
    return content
