"""A run that is to be published, and the settings of its export."""

import dataclasses
import pathlib

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.experiment.privacy import check_private_export
from keras_ptft.experiment.results import RunResult
from keras_ptft.objectives import Objective
from keras_ptft.serving.bundle.warmup import warmup_batches
from keras_ptft.serving.export import check_export_dir
from keras_ptft.serving.formats.table import chosen
from keras_ptft.serving.signatures.intake import Intake
from keras_ptft.serving.verification.prove import chosen_libraries


@dataclasses.dataclass(frozen=True)
class Publication:
    """A run that is to be published, and what its version is made of.

    Attributes:
        folder: the run folder, complete.
        config: the settings of the run and of its export.
        result: the run's result.
        model: the model of the run, in float32.
        dataset: the data set of the run, prepared; its test split proves
            the export.
        objective: what the model was trained for.
    """

    folder: pathlib.Path
    config: Config
    result: RunResult
    model: keras.Model
    dataset: Dataset
    objective: Objective


def check_export_settings(config: Config) -> None:
    """Finds errors that show before anything is loaded.

    Raises:
        UserError: a setting of the export is wrong.
    """
    if config.export_to:
        check_export_dir(config.export_to)
    check_private_export(config)
    warmup_batches(config.warmup_batches)
    chosen_libraries(config.prove_with)
    chosen(config.formats, config.quantize)


def intake_of(config: Config) -> Intake:
    """Returns what requests an export refuses."""
    return Intake(
        corrupt_images=config.corrupt_images,
        most_pixels=config.most_pixels,
        most_text_bytes=config.most_text_bytes,
        largest_batch=config.largest_batch,
    )
