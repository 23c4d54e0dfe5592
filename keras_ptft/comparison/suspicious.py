"""Labels that may be wrong, by models that were not trained on them."""

import collections
import csv
import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from scipy.special import softmax

from keras_ptft import files
from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Source
from keras_ptft.evaluation.label_issues import find_label_issues
from keras_ptft.evaluation.predictions import (
    PREDICTIONS_FILE,
    Predictions,
    read_predictions,
)
from keras_ptft.evaluation.report.pictures import (
    is_small,
    picture_source,
    smaller,
)
from keras_ptft.experiment.loading import reload_dataset
from keras_ptft.experiment.run_dir import MODEL_FILE
from keras_ptft.experiment.weights import Weights
from keras_ptft.explanation.method import is_image
from keras_ptft.models.saved import load_model
from keras_ptft.objectives.saved import read_objective
from keras_ptft.streams import only_warnings

SUSPICIOUS_FILE = "suspicious_labels.csv"

_SHOWN = 10

_Places = Mapping[tuple[int, int], collections.deque[tuple[Source, int]]]
"""(hash, label) → where the examples of these stand."""


@dataclasses.dataclass(frozen=True)
class Suspect:
    """An example whose label may be wrong.

    Attributes:
        example: what a user knows it by, such as a file, or its row there.
        given: its label.
        predicted: the likeliest class.
        probability: of that class.
        probability_of_given: of the label.
        margin: the latter less the former.
        fold: the one whose model was asked.
    """

    example: str
    given: str
    predicted: str
    probability: float
    probability_of_given: float
    margin: float
    fold: int


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a reader sees of a suspect.

    Attributes:
        suspect: the example.
        picture: the `src` of its picture; empty: none.
        is_small: whether the picture is drawn as squares.
        text: its text; empty: none.
    """

    suspect: Suspect
    picture: str = ""
    is_small: bool = False
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Suspicious:
    """All labels of a data set that may be wrong.

    Attributes:
        examples: that were looked at.
        share: estimated fraction of them whose label is wrong.
        suspects: the most suspicious first.
        shown: the first ten of them.
    """

    examples: int
    share: float
    suspects: Sequence[Suspect]
    shown: Sequence[Shown]

    @property
    def sentence(self) -> str:
        """What was found, and what a person has to do."""
        return (
            f"About {100 * self.share:.1f} % of {self.examples:,} labels are "
            f"estimated to be wrong; {len(self.suspects):,} that may be are "
            f"listed in {SUSPICIOUS_FILE}. An estimate is no proof: a person "
            "has to look at each before it is changed."
        )


def find_suspicious(runs: Sequence[Config]) -> Suspicious | None:
    """Finds the labels that may be wrong, by the runs of all folds.

    Args:
        runs: the settings of the complete run of each fold.

    Returns:
        None where the runs are of no classifier, or have stored no
        predictions.
    """
    folders = [pathlib.Path(run.runs_dir) / run.name for run in runs]
    if not all((folder / PREDICTIONS_FILE).exists() for folder in folders):
        return None
    stored = [read_predictions(folder) for folder in folders]
    if not stored or not all("test" in found for found in stored):
        return None
    tests = [found["test"] for found in stored]
    folds = np.repeat(
        [run.fold for run in runs], [len(t.labels) for t in tests]
    )
    joined = Predictions(*map(np.concatenate, zip(*tests, strict=True)))
    probabilities = softmax(joined.logits.astype(np.float64), axis=1)
    found = find_label_issues(joined.labels, probabilities)
    names = read_objective(folders[0]).info.label_names
    places = _places(runs[0], folders[0] / MODEL_FILE)
    suspects: list[Suspect] = []
    shown: list[Shown] = []
    for index in found.indices.tolist():
        label, row = int(joined.labels[index]), probabilities[index]
        there = places.get((int(joined.hashes[index]), label))
        # complete runs are read again, also where the data have changed
        source, at = there.popleft() if there else (None, 0)
        suspect = Suspect(
            example=_name(source, at),
            given=names[label],
            predicted=names[row.argmax()],
            probability=float(row.max()),
            probability_of_given=float(row[label]),
            margin=float(found.margins[index]),
            fold=int(folds[index]),
        )
        suspects.append(suspect)
        if len(shown) < _SHOWN:
            shown.append(_shown(suspect, source, at))
    return Suspicious(len(joined.labels), found.share, suspects, shown)


def write_suspicious(folder: str | os.PathLike, found: Suspicious) -> None:
    """Writes all labels that may be wrong, `suspicious_labels.csv`.

    Args:
        folder: where to.
        found: the labels.

    Raises:
        UserError: the file cannot be written.
    """
    path = pathlib.Path(folder) / SUSPICIOUS_FILE
    with (
        files.replacing(path) as partial,
        open(partial, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in dataclasses.fields(Suspect))
        for suspect in found.suspects:
            cells = dataclasses.astuple(suspect)
            writer.writerow(
                f"{cell:.4f}" if isinstance(cell, float) else cell
                for cell in cells
            )


def _places(run: Config, model: pathlib.Path) -> _Places:
    """Where each example stands that any fold was tested on."""
    whole = run.of_all_examples()
    with only_warnings():
        weights = Weights.beside(model, load_model(model))
        dataset = reload_dataset(whole, None, weights)
    found: dict[tuple[int, int], collections.deque[tuple[Source, int]]] = {}
    for source in dataset.splits.values():
        pairs = zip(source.hashes.tolist(), source.labels.tolist(), strict=True)
        for index, pair in enumerate(pairs):
            found.setdefault(pair, collections.deque()).append((source, index))
    return found


def _name(source: Source | None, index: int) -> str:
    if source is None:
        return "no longer in the data"
    named = source if source.texts is None else source.texts
    return named.name_of(index)


def _shown(suspect: Suspect, source: Source | None, index: int) -> Shown:
    if source is None:
        return Shown(suspect)
    one = tf.constant([index], tf.int64)
    if source.texts is not None:
        text = source.texts.gather(one).numpy()[0]
        return Shown(suspect, text=text.decode("utf-8", "replace"))
    if not is_image(source.spec):
        return Shown(suspect)
    image = smaller(source.gather(one).numpy()[0])
    return Shown(suspect, picture_source(image), is_small(image))
