"""Texts in tables: CSV, TSV and JSON Lines."""

import pathlib
import re
from array import array
from collections.abc import Iterable

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

# the parts of one file: texts, the code of each label, the codes' labels
_Read = tuple[InMemoryTexts, array, dict[str, int]]


def tsv(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Texts in tab-separated files.

    The first line names the columns; --text_column ("text" unless set) and
    --label_column choose two. An empty --label_column leaves the texts
    unlabelled. Quotes are letters like others. Labels are integers or text;
    their sorted values are the label names.

    Args:
        loading: what a run tells any data set.
        path: a file, split by the content of its texts; a folder with
            train.tsv, test.tsv and dev.tsv (or validation, valid, val); or
            what the names of such files begin with, as "sib200/zho_Hans" of
            sib200/zho_Hans_train.tsv and so on.
        test_fraction: share of the texts held out for testing where there
            is no test file.

    Raises:
        UserError: a missing file or column, a ragged row, a missing label,
            or what is no text in UTF-8.
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
        loading: what a run tells any data set.
        path: a file, split by the content of its texts; a folder with
            train.jsonl, test.jsonl and dev.jsonl (or validation, valid,
            val); or what the names of such files begin with.
        test_fraction: share of the texts held out for testing where there
            is no test file.

    Raises:
        UserError: a missing file or key, what is no JSON, or no text in
            UTF-8.
    """
    return text_table(loading, path, "jsonl", test_fraction)


def text_table(
    loading: Loading, path: str, ending: str, test_fraction: float
) -> Dataset:
    """Texts and labels of two columns of "csv", "tsv" or "jsonl" files."""
    columns = loading.text_column or "text", loading.label_column
    files = split_files(path, [ending], ending.upper())
    read = {
        split: _read(file, ending, columns) for split, file in files.items()
    }
    names, codes = _label_codes(read["train"][2])
    sources = {}
    for split, (texts, labels, values) in read.items():
        places = _places(values, codes, files[split])
        numbers = places[np.asarray(labels)] if columns[1] else None
        sources[split] = TextSource(texts, numbers)
    return with_test(sources, names, test_fraction)


def typed_labels(labels: list[str]) -> np.ndarray:
    """Labels as integers where all of them are, else as text.

    Example:

    >>> typed_labels(["10", "-9"])
    array([10, -9])
    """
    if all(re.fullmatch(r"[+-]?\d{1,18}", label) for label in labels):
        return np.array(labels, np.int64)
    return np.array(labels)


def _read(path: pathlib.Path, ending: str, columns: Columns) -> _Read:
    file = text_file(path)
    texts, labels, values = InMemoryTexts(path), array("q"), {}
    with long_cells():
        for line, text, label in rows(file, ending, columns):
            texts.append(_encoded(text, path, line), line)
            if columns[1]:
                if not label:
                    raise UserError(
                        f"{path}, line {line}: empty {columns[1]!r}."
                    )
                labels.append(values.setdefault(label, len(values)))
    if not len(texts):
        raise UserError(f"{path} has no rows: add some.")
    return texts, labels, values


def _encoded(text: str, path: pathlib.Path, line: int) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{path}, line {line}: expected letters, got half of a surrogate "
            "pair: write both halves."
        ) from None


def _label_codes(
    values: Iterable[str],
) -> tuple[tuple[str, ...], dict[str, int]]:
    """The label names, and which of them each value is."""
    values = list(values)
    if not values:
        return (), {}
    numbers, names = name_labels(typed_labels(values))
    return names, dict(zip(values, numbers.tolist(), strict=True))


def _places(
    values: dict[str, int], codes: dict[str, int], file: pathlib.Path
) -> np.ndarray:
    for value in values:
        if value not in codes:
            raise UserError(
                f"{file} has label {value!r}, which train has not"
                f"{nearest(value, codes)}: correct it, or add examples to "
                "train."
            )
    return np.array([codes[value] for value in values], np.int64)
