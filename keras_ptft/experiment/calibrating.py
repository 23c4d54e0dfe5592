"""Probabilities that are as often right as they say: `--calibrate`."""

import dataclasses
import logging
import pathlib

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.errors import UserError
from keras_ptft.objectives import OBJECTIVES, Objective
from keras_ptft.objectives.saved import (
    make_objective,
    objective_type,
    write_temperature,
)

_LOG = logging.getLogger("keras_ptft")

LEAST = 30
"""Fewer validation examples say too little of a temperature."""


def check_calibrate(config: Config) -> None:
    """Raises a UserError where the objective has no such probabilities."""
    if not config.calibrate or objective_type(config.objective).calibrates:
        return
    names = ", ".join(n for n, kind in OBJECTIVES.items() if kind.calibrates)
    raise UserError(
        "--calibrate is for probabilities of classes, of which an example has "
        f"one, got --objective={config.objective}: leave it out, or use "
        f"{names}."
    )


def check_validation(config: Config, dataset: Dataset) -> None:
    """Raises a UserError where too few examples would fit a temperature.

    Args:
        config: the settings.
        dataset: the data set of the run.
    """
    validation = dataset.splits.get("validation")
    count = 0 if validation is None else len(validation)
    if config.calibrate and count < LEAST:
        raise UserError(
            f"--calibrate needs at least {LEAST} validation examples to fit a "
            f"temperature, got {count}: raise --validation_fraction, or leave "
            "it out."
        )


def calibrated(
    folder: pathlib.Path,
    config: Config,
    objective: Objective,
    model: keras.Model,
    dataset: Dataset,
) -> Objective:
    """Fits a temperature where the settings ask for it, and stores it.

    Args:
        folder: the run folder.
        config: the settings of the run.
        objective: what the model was trained for.
        model: the trained model.
        dataset: with a validation split.

    Returns:
        The objective, whose probabilities are those of logits divided by the
        temperature.
    """
    if not config.calibrate:
        return objective
    validation = dataset.splits["validation"]
    temperature = objective.fit_temperature(model, validation)
    if temperature is None:
        _LOG.warning(
            "All %s validation examples are right, so none can fit a "
            "temperature: probabilities stay as they are.",
            f"{len(validation):,}",
        )
        return objective
    write_temperature(folder, temperature)
    _LOG.info(
        "Probabilities are calibrated: logits are divided by %.4g, fitted on "
        "%s validation examples.",
        temperature,
        f"{len(validation):,}",
    )
    info = dataclasses.replace(objective.info, temperature=temperature)
    return make_objective(config.objective, info)
