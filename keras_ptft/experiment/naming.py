"""What stage some settings are, and what its run is called."""

import pathlib
import re

from keras_ptft.config import Config
from keras_ptft.experiment import builders


def stage_of(config: Config) -> str:
    """Returns the name of the stage that trains as the settings say.

    Fine-tuning starts from weights, and its models answer requests. All
    else is pretraining, also where it starts from weights.
    """
    tunes = config.init_from and not builders.pretrains(config)
    return "finetune" if tunes else "pretrain"


def name_of(config: Config) -> str:
    """Returns what the run of some settings is called."""
    return config.name or folder_of(stage_of(config), config).name


def folder_of(stage: str, config: Config) -> pathlib.Path:
    """Returns the run folder; without a name it is stage-model-dataset."""
    model = config.backbone or config.init_from or "cnn"
    words = (stage, model, config.dataset)
    name = config.name or "-".join(map(_plain, words))
    return pathlib.Path(config.runs_dir) / name


def _plain(text: str) -> str:
    """Text as part of a file name, without folders and settings of a call."""
    name = pathlib.Path(text.split("(")[0]).stem
    return re.sub(r"[^\w.-]+", "_", name).strip("_")
