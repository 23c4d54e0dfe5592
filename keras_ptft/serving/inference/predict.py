"""Predictions for files and texts, from a run or from an export."""

import csv
import dataclasses
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

import numpy as np
import tensorflow as tf

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.serving.generation.generate import Generated
from keras_ptft.serving.inference.predictor import Predictor, load_predictor
from keras_ptft.serving.inputs.arrays import input_batches
from keras_ptft.serving.inputs.texts import text_batches


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says of one example.

    Attributes:
        name: the file, with `[place]` where a file holds several examples;
            of a text that came without a file, the text, shortened.
        label: name of the most probable class, or "" where that was not
            probable enough; of a model that tags words, `word/tag` of each.
        probability: of that class, 0 to 1; of tags, the least of all words'.
    """

    name: str
    label: str
    probability: float

    def __str__(self) -> str:
        """As the terminal shows it."""
        return f"{self.name}  {self.label or '(none)'}  {self.probability:.4f}"

    def cells(self) -> dict[str, str]:
        """Columns and cells of its row in a CSV file."""
        return {
            "input": self.name,
            "label": self.label,
            "probability": f"{self.probability:.6f}",
        }


def predict(
    path: str | os.PathLike,
    inputs: Sequence[str | os.PathLike],
    text_column: str = "",
    reject_below: float = 0.0,
) -> list[Prediction]:
    """Asks a model about files, folders, arrays or texts.

    Args:
        path: the model, as `load_predictor` takes it.
        inputs: what to ask about, as `input_batches` takes it, or of a
            model of texts `text_batches`.
        text_column: column of texts in tables; empty: "text".
        reject_below: the least probability of a label.

    Returns:
        A prediction for each example, in order.

    Raises:
        UserError: the model or an input cannot be used.
    """
    predictor = load_predictor(path)
    if predictor.input_spec.dtype == tf.string:
        batches = text_batches(inputs, text_column=text_column)
    else:
        batches = input_batches(inputs, predictor.input_spec)
    if predictor.tagging and reject_below:
        raise UserError(
            f"The model {path} tags words, --reject_below is for labels of "
            "whole examples: leave it out."
        )
    answers = _tagged if predictor.tagging else _labelled
    return [
        Prediction(name, label if share >= reject_below else "", share)
        for names, examples in batches
        for name, (label, share) in zip(
            names, answers(predictor, examples), strict=True
        )
    ]


def _labelled(
    predictor: Predictor, examples: np.ndarray
) -> Iterable[tuple[str, float]]:
    for row in predictor.probabilities(examples):
        best = int(row.argmax())
        yield predictor.label_names[best], float(row[best])


def _tagged(
    predictor: Predictor, texts: np.ndarray
) -> Iterable[tuple[str, float]]:
    for words in predictor.tags(texts):
        line = " ".join(f"{word}/{tag}" for word, tag, _ in words)
        yield line, min((share for _, _, share in words), default=1.0)


def to_csv(
    rows: Sequence[Prediction | Generated], path: str | os.PathLike
) -> None:
    """Writes the columns input, label and probability, or input and text.

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
        # a file's name may be no text
        partial.open("w", -1, "utf-8", "backslashreplace", "") as file,
    ):
        _write_rows(rows, file)


def _write_rows(rows: Sequence[Prediction | Generated], file: TextIO) -> None:
    writer = csv.DictWriter(file, list(rows[0].cells()), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.cells() for row in rows)
