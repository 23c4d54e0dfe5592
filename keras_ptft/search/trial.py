"""One trial: a training that is judged by its validation split alone."""

import dataclasses
import math
import pathlib
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.config import FIELDS, Config
from keras_ptft.errors import DiskError, UserError
from keras_ptft.evaluation.metrics import shown_metrics
from keras_ptft.experiment import run_dir, stages
from keras_ptft.experiment.loading import Loaded
from keras_ptft.experiment.results import (
    RESULT_FILE,
    RunResult,
    read_result,
)
from keras_ptft.experiment.several import standing_alone
from keras_ptft.models.saved import load_model
from keras_ptft.objectives import Objective
from keras_ptft.search.result import FAILED, STOPPED, Trial, headline
from keras_ptft.search.study import Halving
from keras_ptft.search.watching import TrialStopped, Watch, without_validation
from keras_ptft.streams import only_warnings
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.timer import Timer

_NO_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)


@dataclasses.dataclass(frozen=True)
class Order:
    """A trial that is to be run.

    Attributes:
        recipe: the settings that it departs from.
        folder: of the search, which holds the run folders.
        number: of the trial.
        settings: those that differ.
        label: what it is.
        halving: decides whether it is stopped; None: it is not.
    """

    recipe: Config
    folder: pathlib.Path
    number: int
    settings: Mapping[str, Any]
    label: str = ""
    halving: Halving | None = None

    @property
    def config(self) -> Config:
        """The settings of its run.

        Raises:
            UserError: they cannot be together.
        """
        config = standing_alone(self.recipe.replace(**self.settings))
        name = run_name(self.number)
        return config.replace(name=name, runs_dir=str(self.folder))


def run_name(number: int) -> str:
    """Returns what the run of a trial is called.

    Example:

    >>> run_name(7)
    'trial-007'
    """
    return f"trial-{number:03}"


def run_trial(order: Order) -> Trial:
    """Trains one trial, or reads what it came to.

    One that was interrupted is resumed.

    Args:
        order: what is to be run.

    Returns:
        The trial; one whose settings cannot be together, whose loss is not
        finite or that does not fit into memory has failed.

    Raises:
        DiskError: its run folder cannot be written.
    """
    started = time.perf_counter()
    ended = partial(
        Trial,
        number=order.number,
        label=order.label,
        settings=dict(order.settings),
    )
    state, error_text, metrics = FAILED, "", {}
    with only_warnings():
        try:
            result = _trained(order)
            metrics = dict(shown_metrics(result.metrics["validation"]))
            if math.isfinite(metrics[headline(metrics)]):
                seconds = round(sum(result.seconds.values()), 3)
                return ended(metrics=metrics, seconds=seconds)
            error_text = f"The {headline(metrics)} is not finite."
        except DiskError:
            raise
        except TrialStopped as stop:
            state, metrics = STOPPED, stop.metrics
        except UserError as error:
            error_text = str(error)
        except _NO_MEMORY:
            error_text = "It does not fit into memory."
        finally:
            # graphs of earlier trials would fill the memory
            keras.backend.clear_session()
    seconds = round(time.perf_counter() - started, 3)
    if state == FAILED:
        metrics = {}
    return ended(
        state=state, metrics=metrics, seconds=seconds, error=error_text
    )


def score_on_test(order: Order) -> RunResult:
    """Scores a trial's model on its test split too, and writes its report.

    Nothing is trained again: the run is taken for one that was interrupted
    after its last step.

    Args:
        order: of a complete trial.

    Returns:
        The result, as that of any run.
    """
    config = order.config.replace(overwrite=False)
    folder = order.folder / config.name
    result = read_result(folder)
    if result is not None and "test" in result.metrics:
        return result
    (folder / RESULT_FILE).unlink(missing_ok=True)
    with only_warnings():
        try:
            return stages.training_of(config)(config)
        finally:
            keras.backend.clear_session()


def check_alike(folder: pathlib.Path, trial: Trial) -> None:
    """Checks that a trial can be compared with the first one.

    Args:
        folder: of the search.
        trial: a complete one.

    Raises:
        UserError: it was judged on other examples, or began with other
            weights, since these have changed.
    """
    if any(_changes_what_is_read(name) for name in trial.settings):
        # the same examples look otherwise then
        return
    first, own = (
        run_dir.read_environment(folder / run_name(number))
        for number in (0, trial.number)
    )
    parents = [found.get("parent") for found in (first, own)]
    examples = [
        found.get("data", {}).get("validation") for found in (first, own)
    ]
    for what, (before, now) in (("weights", parents), ("data", examples)):
        if before != now:
            raise UserError(
                f"{folder / run_name(trial.number)} was trained on {what} "
                "that changed since the first trial: choose another --name, "
                "or --overwrite the search."
            )


def _changes_what_is_read(name: str) -> bool:
    is_of_data = FIELDS[name].metadata["group"] == "data"
    is_of_training = name in ("augment", "mix")
    is_model = name in ("init_from", "teacher")
    return is_model or (is_of_data and not is_of_training)


def _trained(order: Order) -> RunResult:
    config = order.config
    conduct = stages.Conduct(_judged, [Watch(order.halving)])
    return stages.training_of(config)(config, conduct=conduct)


def _judged(
    folder: pathlib.Path,
    config: Config,
    loaded: Loaded,
    objective: Objective,
    result: RunResult,
    timer: Timer,
) -> RunResult:
    """Scores what was saved on the validation split alone."""
    validation = loaded.dataset.splits.get("validation")
    if validation is None:
        raise without_validation()
    with timer("evaluate"), get_strategy(config.strategy).scope():
        model = load_model(folder / run_dir.MODEL_FILE)
        metrics = objective.score(model, validation)
    result = result.replace(
        seconds=timer.seconds, metrics={"validation": metrics}
    )
    result.write(folder)
    return result
