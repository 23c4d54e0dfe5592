"""Texts in tables: CSV, TSV and JSON Lines."""

import pathlib
import re
import sys
from collections.abc import Mapping, Sequence

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.arrays import name_labels
from keras_ptft.data.sources.split_discovery import split_files, with_test
from keras_ptft.data.text.files import text_file
from keras_ptft.data.text.readers import Columns, long_cells, rows
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import InMemoryTexts
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest


def tsv(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Texts in tab-separated files.

    The first line names the columns; --text_column ("text" unless set) and
    --label_column choose two. An empty --label_column leaves the texts
    unlabelled. Quotes are characters like others. Labels are integers or
    text; their sorted values are the label names.

    Args:
        loading: the settings of the run.
        path: a file, split by the content of its texts; a folder with
            train.tsv, test.tsv and dev.tsv (or validation, valid, val); or
            what the names of such files begin with, as "sib200/zho_Hans" of
            sib200/zho_Hans_train.tsv and so on.
        test_fraction: fraction of the texts held out for testing if there
            is no test file.

    Raises:
        UserError: a missing file or column, a ragged row, a missing label,
            or text that is not UTF-8.
    """
    return text_table(loading, path, "tsv", test_fraction)


def jsonl(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Texts in files of one JSON object a line.

    --text_column ("text" unless set) and --label_column name two of their
    keys; an empty --label_column leaves the texts unlabelled. Labels are
    integers or text; their sorted values are the label names.

    Args:
        loading: the settings of the run.
        path: a file, split by the content of its texts; a folder with
            train.jsonl, test.jsonl and dev.jsonl (or validation, valid,
            val); or what the names of such files begin with.
        test_fraction: fraction of the texts held out for testing if there
            is no test file.

    Raises:
        UserError: a missing file or key, a line that is not JSON, or text
            that is not UTF-8.
    """
    return text_table(loading, path, "jsonl", test_fraction)


def text_table(
    loading: Loading, path: str, ending: str, test_fraction: float
) -> Dataset:
    """Reads texts and labels from "csv", "tsv" or "jsonl" files."""
    columns = loading.text_column or "text", loading.label_column
    files = split_files(path, [ending], ending.upper())
    read = {
        split: _read(file, ending, columns) for split, file in files.items()
    }
    if not columns[1]:
        texts = {split: TextSource(texts) for split, (texts, _) in read.items()}
        return with_test(texts, (), test_fraction)
    values = list(dict.fromkeys(read["train"][1]))
    indices, names = name_labels(typed_labels(values))
    codes = dict(zip(values, indices.tolist(), strict=True))
    sources = {
        split: TextSource(texts, _coded(labels, codes, files[split]))
        for split, (texts, labels) in read.items()
    }
    return with_test(sources, names, test_fraction)


def typed_labels(labels: list[str]) -> np.ndarray:
    """Returns labels as integers if all of them are, else as text.

    Example:

    >>> typed_labels(["10", "-9"])
    array([10, -9])
    """
    if all(re.fullmatch(r"[+-]?\d{1,18}", label) for label in labels):
        return np.array(labels, np.int64)
    return np.array(labels)


def _read(
    path: pathlib.Path, ending: str, columns: Columns
) -> tuple[InMemoryTexts, list[str]]:
    """Returns texts, and their labels if there is a column of them."""
    texts, labels = InMemoryTexts(path), []
    with long_cells():
        for line, text, label in rows(text_file(path), ending, columns):
            texts.append(_encoded(text, path, line), line)
            if columns[1]:
                if not label:
                    raise UserError(
                        f"{path}, line {line}: empty {columns[1]!r}."
                    )
                labels.append(sys.intern(label))
    if not len(texts):
        raise UserError(f"{path} has no rows: add some.")
    return texts, labels


def _encoded(text: str, path: pathlib.Path, line: int) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{path}, line {line}: expected letters, got half of a surrogate "
            "pair: write both halves."
        ) from None


def _coded(
    labels: Sequence[str], codes: Mapping[str, int], file: pathlib.Path
) -> np.ndarray:
    for label in dict.fromkeys(labels):
        if label not in codes:
            raise UserError(
                f"{file} has label {label!r}, which train has not"
                f"{nearest(label, codes)}: correct it, or add examples to "
                "train."
            )
    return np.array([codes[label] for label in labels], np.int64)
