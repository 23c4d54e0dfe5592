"""The same examples as people keep them, for every loader of files."""

import json
import os

import numpy as np
import pyarrow
import pyarrow.parquet
import tensorflow as tf

from keras_ptft.data.core.dataset import Loading

SMALL = Loading(image_size=8)
TABLE = Loading(image_size=8, image_column="path")


def draw(path, value):
    """Writes a PNG of one colour and a corner of black."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((6, 4, 3), value, np.uint8)
    pixels[:2, :2] = 0
    path.write_bytes(tf.io.encode_png(pixels).numpy())


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"text number {value}")


class Folders:
    """Class folders of images."""

    loading, row, ending, make = SMALL, "folder", ".png", staticmethod(draw)
    note = True

    def __str__(self):
        return type(self).__name__

    def build(self, root, parts):
        for split, classes in parts.items():
            for label, values in classes.items():
                for value in values:
                    name = f"{label}-{value}{self.ending}"
                    self.make(root / split / label / name, value)
        return f"{self.row}:{root}"

    def found(self, root):
        return sum(len(names) for _, _, names in os.walk(root))

    def where(self, root, split):
        return str(root / split)


class TextFolders(Folders):
    """Class folders of texts."""

    row, ending, make = "textfolder", ".txt", staticmethod(write)


class Metadata(Folders):
    """A metadata.csv in the folder of each split."""

    def build(self, root, parts):
        for split, classes in parts.items():
            rows = self.rows(root / split, classes, "")
            table = root / split / "metadata.csv"
            table.write_text("\n".join(["file_name,label", *rows]) + "\n")
        return f"folder:{root}"

    def rows(self, folder, classes, prefix):
        for label, values in classes.items():
            for value in values:
                draw(folder / f"{label} {value}.png", value)
                yield f"{prefix}{label} {value}.png,{label}"

    def found(self, root):
        return super().found(root) - len(list(root.rglob("metadata.csv")))

    def where(self, root, split):
        return str(root / split / "metadata.csv")


class Tables(Metadata):
    """A table for each split, beside a folder of all images."""

    loading, note = TABLE, False

    def build(self, root, parts):
        for split, classes in parts.items():
            prefix = f"images/{split or 'all'}/"
            rows = self.rows(root / prefix, classes, prefix)
            table = root / f"{split or 'all'}.csv"
            table.write_text("\n".join(["path,label", *rows]) + "\n")
        only = "" in parts
        return f"csv:{root / 'all.csv' if only else root}"

    def found(self, root):
        return super(Metadata, self).found(root / "images")

    def where(self, root, split):
        return str(root / f"{split}.csv")


def write_table(path, rows):
    """Writes a table of file, label and patient in the format of its name."""
    names = ("file", "label", "patient")
    if path.suffix == ".jsonl":
        lines = (json.dumps(dict(zip(names, r, strict=True))) for r in rows)
        path.write_text("\n".join(lines) + "\n")
    elif path.suffix == ".parquet":
        columns = [list(cells) for cells in zip(*rows, strict=True)]
        table = pyarrow.table(dict(zip(names, columns, strict=True)))
        pyarrow.parquet.write_table(table, path)
    else:
        sign = "\t" if path.suffix == ".tsv" else ","
        lines = (sign.join(map(str, row)) for row in (names, *rows))
        path.write_text("\n".join(lines) + "\n")
    return path


def colours(source):
    every = tf.range(len(source), dtype=tf.int64)
    return source.gather(every).numpy()[:, -1, -1, 0].tolist()


def whole(dataset):
    """Colour, and name of the label, of each image in all splits."""
    return sorted(
        (colour, dataset.label_names[label])
        for part in dataset.splits.values()
        for colour, label in zip(colours(part), part.labels, strict=True)
    )
