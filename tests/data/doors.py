"""The same examples, written in each form that a data set may have."""

import csv
import dataclasses
import json
import pathlib
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

from keras_ptft.data import checked, load
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.core.labels import encode_labels


@dataclasses.dataclass(frozen=True)
class Example:
    """An example by its content, a number, and its label."""

    number: int
    label: str
    owner: str = ""


Parts = dict[str, list[Example]]
"""The name of a split as the user writes it → its examples."""


@dataclasses.dataclass(frozen=True)
class Door:
    """One way into the program.

    Attributes:
        write: writes the examples into a folder, and returns their name.
        loading: settings that go with it.
        tagged: whether labels are those of words.
        owners: the setting that says what examples belong to, if there is
            one.
        named_splits: whether users name the splits.
    """

    write: Callable[[pathlib.Path, Parts], str]
    loading: Loading = dataclasses.field(default_factory=Loading)
    tagged: bool = False
    owners: dict[str, str] = dataclasses.field(default_factory=dict)
    named_splits: bool = True

    def open(
        self, folder: pathlib.Path, parts: Parts, **settings: object
    ) -> Dataset:
        loading = dataclasses.replace(self.loading, **settings)
        return load(self.write(folder, parts), loading)


def numbers_of(example):
    """Four numbers, as a table has them."""
    n = example.number
    return [n % 7, n // 7, n * 0.5, -n]


def words_of(example):
    return f"text number {example.number} of many"


def picture(number):
    """A square of 8 pixels with a line in one of many places and colours."""
    pixels = np.full((8, 8, 3), 250, np.uint8)
    pixels[number % 8] = (number * 7 % 200, number * 13 % 200, 40)
    return pixels


def _table(path, rows, ending):
    heading = list(rows[0])
    if ending == "parquet":
        table = pa.Table.from_pylist(rows)
        pyarrow.parquet.write_table(table, path)
    elif ending == "jsonl":
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("\n".join([*lines, ""]))
    else:
        with path.open("w", newline="") as file:
            delimiter = "\t" if ending == "tsv" else ","
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow(heading)
            writer.writerows(row.values() for row in rows)


def _tables(ending, cells):
    def write(folder, parts):
        for split, examples in parts.items():
            rows = [
                {**cells(e), "label": e.label, "owner": e.owner}
                for e in examples
            ]
            _table(folder / f"{split}.{ending}", rows, ending)
        return f"{ending}:{folder}"

    return write


def _numeric(example):
    return dict(zip("abcd", numbers_of(example), strict=True))


def _textual(example):
    return {"text": words_of(example)}


def _files(row, save, ending):
    def write(folder, parts):
        for split, examples in parts.items():
            place = folder / split if len(parts) > 1 else folder
            for e in examples:
                (place / e.label).mkdir(parents=True, exist_ok=True)
                save(place / e.label / f"{e.owner}_{e.number}.{ending}", e)
        return f"{row}:{folder}"

    return write


def _save_text(path, example):
    path.write_text(words_of(example))


def _save_picture(path, example):
    Image.fromarray(picture(example.number)).save(path)


def _manifest(folder, parts):
    (folder / "images").mkdir()
    for split, examples in parts.items():
        rows = []
        for n, e in enumerate(examples):
            name = f"images/{split}_{n}_{e.number}.png"
            _save_picture(folder / name, e)
            rows.append({"file": name, "label": e.label, "owner": e.owner})
        _table(folder / f"{split}.csv", rows, "csv")
    return f"csv:{folder}"


def _metadata(folder, parts):
    for split, examples in parts.items():
        place = folder / split if len(parts) > 1 else folder
        place.mkdir(exist_ok=True)
        rows = []
        for n, e in enumerate(examples):
            _save_picture(place / f"{n}_{e.number}.png", e)
            name = f"{n}_{e.number}.png"
            row = {"file_name": name, "label": e.label, "owner": e.owner}
            rows.append(row)
        _table(place / "metadata.jsonl", rows, "jsonl")
    return f"folder:{folder}"


def _npz(folder, parts):
    arrays = {}
    for split, examples in parts.items():
        key = f"_{split}" if len(parts) > 1 else ""
        numbers = [numbers_of(e) for e in examples]
        arrays[f"x{key}"] = np.array(numbers, np.float32)
        arrays[f"y{key}"] = np.array([e.label for e in examples])
    np.savez(folder / "a.npz", **arrays)
    return f"npz:{folder}/a.npz"


def _conll(folder, parts):
    for split, examples in parts.items():
        lines = []
        for e in examples:
            lines += [f"{word} {e.label}" for word in words_of(e).split()]
            lines.append("")
        (folder / f"{split}.conll").write_text("\n".join(lines))
    return f"conll:{folder}"


def _unwritten(folder, parts):
    raise AssertionError(f"{parts} are handed over, not written to {folder}")


@dataclasses.dataclass(frozen=True)
class Given(Door):
    """An object that is handed over."""

    write: Callable[[pathlib.Path, Parts], str] = _unwritten

    def open(self, folder, parts, **settings):
        del folder
        labels = {k: [e.label for e in part] for k, part in parts.items()}
        every = [label for part in labels.values() for label in part]
        codes, names = encode_labels({**labels, "train": every}, {})
        codes |= {k: encode(labels[k], names) for k in labels}
        sources = {}
        for split, part in parts.items():
            inputs = np.array([numbers_of(e) for e in part], np.float32)
            sources[split] = ArraySource(inputs, codes[split], name="vector")
        loading = dataclasses.replace(self.loading, **settings)
        return checked(Dataset(sources, names), "given", loading)


def encode(labels, names):
    return np.array([names.index(label) for label in labels], np.int64)


COLUMN = {"group_column": "owner"}
PATTERN = {"group_pattern": r"([a-z0-9]+)_\d+\.\w+$"}
PIXELS = Loading(image_size=8)
TEXT = Loading(text_columns=("text",))

DOORS = {
    # a column of owners would be a feature, and no number
    "csv": Door(
        _tables("csv", _numeric), Loading(group_column="owner"), owners=COLUMN
    ),
    "parquet": Door(
        _tables("parquet", _numeric),
        Loading(group_column="owner"),
        owners=COLUMN,
    ),
    "csv of texts": Door(_tables("csv", _textual), TEXT, owners=COLUMN),
    "tsv": Door(_tables("tsv", _textual), TEXT, owners=COLUMN),
    "jsonl": Door(_tables("jsonl", _textual), TEXT, owners=COLUMN),
    "parquet of texts": Door(_tables("parquet", _textual), TEXT, owners=COLUMN),
    "folder": Door(
        _files("folder", _save_picture, "png"), PIXELS, owners=PATTERN
    ),
    "textfolder": Door(_files("textfolder", _save_text, "txt"), owners=PATTERN),
    "csv of images": Door(
        _manifest,
        dataclasses.replace(PIXELS, image_column="file"),
        owners=COLUMN,
    ),
    "metadata": Door(_metadata, PIXELS, owners=COLUMN),
    "npz": Door(_npz),
    "conll": Door(_conll, tagged=True),
    "given": Given(named_splits=False),
}
