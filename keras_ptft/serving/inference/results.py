"""What a model says of an example, for the terminal and for CSV files."""

import csv
import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TextIO

import numpy as np

from keras_ptft import files


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The label of one example.

    Attributes:
        name: the file, with `[index]` where a file holds several examples;
            of a text that came without a file, the text, shortened.
        label: name of the most probable class, or "" where that was not
            probable enough; of a model that tags words, `word/tag` of each.
        probability: of that class, 0 to 1; of tags, the least of all words'.
    """

    name: str
    label: str
    probability: float

    def __str__(self) -> str:
        return f"{self.name}  {self.label or '(none)'}  {self.probability:.4f}"

    def cells(self) -> dict[str, str]:
        """Returns the columns and cells of its row in a CSV file."""
        return {
            "input": self.name,
            "label": self.label,
            "probability": f"{self.probability:.6f}",
        }


@dataclasses.dataclass(frozen=True)
class Generated:
    """A text that a language model continued.

    Attributes:
        name: of the input, as `Prediction` has it.
        text: the input and what follows it.
    """

    name: str
    text: str

    def __str__(self) -> str:
        return self.text

    def cells(self) -> dict[str, str]:
        """Returns the columns and cells of its row in a CSV file."""
        return {"input": self.name, "text": self.text}


class TaggedWord(NamedTuple):
    """A word, its most probable tag, and the probability of that tag."""

    word: str
    tag: str
    probability: float

    def __str__(self) -> str:
        return f"{self.word}/{self.tag}"


def tagged_words(outputs: Mapping[str, np.ndarray]) -> list[list[TaggedWord]]:
    """Returns the tagged words of each text.

    Args:
        outputs: `words`, `tags` and `probabilities` of a tagger, as
            `Predictor.run` returns them.
    """
    highest = outputs["probabilities"].max(-1)
    rows = zip(outputs["words"], outputs["tags"], highest, strict=True)
    return [
        [
            TaggedWord(
                word.decode("utf-8", "replace"),
                tag.decode(),
                float(probability),
            )
            for word, tag, probability in zip(*row, strict=True)
            if word
        ]
        for row in rows
    ]


def to_csv(
    rows: Sequence[Prediction | Generated], path: str | os.PathLike
) -> None:
    """Writes results as a CSV file with a heading.

    Args:
        rows: all of one kind, at least one.
        path: the file, or "-" for the standard output.

    Raises:
        UserError: the file cannot be written.
    """
    if path == "-":
        _write_rows(rows, sys.stdout)
        return
    with (
        files.replacing(path) as partial,
        # the name of a file may not be valid text
        partial.open("w", -1, "utf-8", "backslashreplace", "") as file,
    ):
        _write_rows(rows, file)


def _write_rows(rows: Sequence[Prediction | Generated], file: TextIO) -> None:
    writer = csv.DictWriter(file, list(rows[0].cells()), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.cells() for row in rows)
