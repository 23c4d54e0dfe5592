"""A run that is complete, as a user of the library holds it."""

import functools
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_ptft.data.core.dataset import Dataset
from keras_ptft.evaluation.report.embedded import short_report
from keras_ptft.evaluation.report.scores import score_cards
from keras_ptft.experiment import exporting, predicting, run_dir, scoring
from keras_ptft.experiment.results import RunResult, read_result
from keras_ptft.experiment.run_files import REPORT_FILE
from keras_ptft.models.saved import load_model
from keras_ptft.objectives import Objective
from keras_ptft.objectives.saved import read_objective
from keras_ptft.serving.inference.answered import Answered
from keras_ptft.serving.inference.predictor import Predictor


def load_run(
    folder: str | os.PathLike, *, dataset: Dataset | None = None
) -> "Run":
    """Returns the run in a folder.

    Args:
        folder: of the run, as "runs/flowers".
        dataset: the data set of the run, where it was handed over.

    Raises:
        UserError: it is no run folder, or the run has not ended.
    """
    path, _, result = run_dir.complete_run(folder)
    return Run(path, result, dataset)


class Run:
    """A run that is complete: its scores, its model, and what they are for.

    It may stand wherever a path of a run does: `finetune(init_from=run)`,
    `keras_ptft.predict(run, ["photos/"])`. A notebook shows its short report.

    Args:
        folder: of the run.
        result: what `result.json` in it holds.
        dataset: the data set of the run, where it was handed over.

    Attributes:
        folder: of the run.
        result: all that `result.json` holds.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        result: RunResult,
        dataset: Dataset | None = None,
    ) -> None:
        self.folder, self.result = folder, result
        self._dataset = dataset

    @property
    def name(self) -> str:
        """The name of the run folder."""
        return self.folder.name

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Any]]:
        """The metrics by split, as "test", and those of later evaluations."""
        return self.result.metrics

    @property
    def history(self) -> Sequence[Mapping[str, float]]:
        """A row an epoch: epoch, loss, metrics, the same with `val_`, ..."""
        return self.result.history

    @property
    def report(self) -> pathlib.Path:
        """The path of the whole report, an HTML page."""
        return self.folder / REPORT_FILE

    @functools.cached_property
    def model(self) -> keras.Model:
        """The trained model, from inputs to what its objective is about."""
        return load_model(self.folder / run_dir.MODEL_FILE)

    @functools.cached_property
    def backbone(self) -> keras.Model:
        """The trained backbone, from inputs to features."""
        return load_model(self.folder / run_dir.BACKBONE_FILE)

    def predict(
        self,
        inputs: Any,
        *,
        text_column: str = "",
        skip_bad_images: bool = False,
        reject_below: float = 0.0,
    ) -> Answered:
        """Predicts labels, or numbers, for any number of examples.

        Args:
            inputs: an array of raw pixels, of shape (examples, height, width,
                channels), or (examples, height, width) of grey ones; rows of
                numbers, of shape (examples, columns); a dict or a DataFrame
                of the columns of training; a text, or a list of them; paths
                of images, folders, arrays or tables. A string that is the
                path of a file is read.
            text_column: as `PredictConfig` has it.
            skip_bad_images: as `PredictConfig` has it.
            reject_below: as `PredictConfig` has it.

        Returns:
            `labels`, of shape (examples,), `probabilities`, float32 of shape
            (examples, labels), and a row an example.

        Raises:
            UserError: the model does not take the inputs, or gives no labels.
        """
        return predicting.predict_arrays(
            self._answering,
            inputs,
            text_column=text_column,
            skip_bad_images=skip_bad_images,
            reject_below=reject_below,
        )

    def evaluate(
        self,
        dataset: Dataset | str | None = None,
        *,
        by: str = "",
        attack: str = "",
        **data: Any,
    ) -> dict[str, Any]:
        """Scores the model on its test split, or on other data.

        Args:
            dataset: other data; None: those of the run.
            by: column of a table; each of its values is scored too.
            attack: as "loss": in place of scores, whether the model gives away
                what it was trained on.
            data: settings of the data that differ from the run's.

        Returns:
            The metrics, which are added to `metrics` too.

        Raises:
            UserError: the data do not fit the model.
        """
        given = self._dataset if dataset is None else dataset
        found = scoring.evaluate(
            self.folder, dataset=given, by=by, attack=attack, **data
        )
        self._read_again()
        return found

    def export(
        self, to: str | os.PathLike = "", **settings: Any
    ) -> pathlib.Path | str:
        """Publishes the model as the next version for TensorFlow Serving.

        Args:
            to: folder of versions, or its URL; empty: as the run's settings
                say, or else `saved_models/` and the run's name.
            settings: those of the export that differ from the run's.

        Returns:
            The folder of the new version, or its URL.

        Raises:
            UserError: the folder is not writable, or a setting is not of the
                export.
        """
        path = exporting.export(
            self.folder, os.fspath(to), dataset=self._dataset, **settings
        )
        self._read_again()
        return path

    def __fspath__(self) -> str:
        return str(self.folder)

    def __repr__(self) -> str:
        what = f"{self.result.stage}, {self.result.objective}"
        scores = score_cards(self.result.metrics["test"], self._titles)
        told = ", ".join(f"{title} {value}" for value, title in scores)
        return f"Run {self.folder} ({what})\n{told}"

    def _repr_html_(self) -> str:
        return short_report(
            self.name,
            self.result.metrics["test"],
            titles=self._titles,
            comparison=self.result.comparison,
            history=self.history,
            path=str(self.report),
        )

    @functools.cached_property
    def _titles(self) -> Mapping[str, str]:
        return read_objective(self.folder).titles

    @functools.cached_property
    def _answering(self) -> tuple[Objective, Predictor]:
        return predicting.load_answering(self.folder)

    def _read_again(self) -> None:
        """Takes what was added to the result of the run."""
        self.result = read_result(self.folder) or self.result
