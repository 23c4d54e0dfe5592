"""Predictions for files, from a run or from an export."""

import csv
import dataclasses
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from keras_ptft import files
from keras_ptft.serving.inputs import input_batches
from keras_ptft.serving.predictor import load_predictor


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says of one example.

    Attributes:
        name: the file, with `[place]` where a file holds several examples.
        label: name of the most probable class.
        probability: of that class, 0 to 1.
    """

    name: str
    label: str
    probability: float


def predict(
    path: str | os.PathLike, inputs: Sequence[str | os.PathLike]
) -> list[Prediction]:
    """Asks a model about files, folders and arrays.

    Args:
        path: the model, as `load_predictor` takes it.
        inputs: what to ask about, as `input_batches` takes it.

    Returns:
        A prediction for each example, in order.

    Raises:
        UserError: the model or an input cannot be used.
    """
    predictor = load_predictor(path)
    predictions = []
    for names, examples in input_batches(inputs, predictor.input_spec):
        probabilities = predictor.probabilities(examples)
        for name, row in zip(names, probabilities, strict=True):
            best = int(row.argmax())
            label = predictor.label_names[best]
            predictions.append(Prediction(name, label, float(row[best])))
    return predictions


def to_csv(predictions: Sequence[Prediction], path: str | os.PathLike) -> None:
    """Writes the columns input, label and probability.

    Args:
        predictions: a row each.
        path: the file, or "-" for the standard output.

    Raises:
        UserError: the file cannot be written.
    """
    if path == "-":
        _write_rows(predictions, sys.stdout)
        return
    with (
        files.replacing(path) as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        _write_rows(predictions, file)


def _write_rows(predictions: Sequence[Prediction], file: TextIO) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["input", "label", "probability"])
    for prediction in predictions:
        probability = f"{prediction.probability:.6f}"
        writer.writerow([prediction.name, prediction.label, probability])
