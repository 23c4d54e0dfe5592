"""The stages as a user of the library calls them."""

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_ptft.config import Config, check_names
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.errors import UserError
from keras_ptft.experiment import stages
from keras_ptft.experiment.results import RunResult
from keras_ptft.experiment.run import Run
from keras_ptft.models.saved import functional
from keras_ptft.remote import places


def pretrain(
    config: Config | None = None,
    *,
    dataset: Dataset | str | None = None,
    backbone: keras.Model | str | None = None,
    **settings: Any,
) -> Run:
    """Trains a backbone and a head, from random weights or from known ones.

    Args:
        config: the settings; None: those of `settings`, and the defaults.
        dataset: a data set of your own, or the setting of that name.
        backbone: a functional model of your own, from inputs to features; a
            copy of it is trained, from its weights. Or the setting.
        settings: fields of `Config`, in place of those of `config`. A path
            or a `Run` may stand where a setting names one.

    Returns:
        The run, which is complete. The same call again reads it.

    Raises:
        UserError: a setting, a file or the run folder is not as it must be.
    """
    given = {"dataset": dataset, "backbone": backbone}
    return _trained(stages.pretrain, config, given, settings)


def finetune(
    config: Config | None = None,
    *,
    dataset: Dataset | str | None = None,
    backbone: keras.Model | str | None = None,
    **settings: Any,
) -> Run:
    """Trains a new head and the unfrozen part of a pretrained backbone.

    Args:
        config: as in `pretrain`; `init_from` says where the weights come
            from, and may be a `Run`.
        dataset: as in `pretrain`.
        backbone: as in `pretrain`. Without `init_from` it is the pretrained
            backbone; with it, the architecture that weights are loaded into.
        settings: as in `pretrain`.

    Returns:
        The run, which is complete.

    Raises:
        UserError: see `pretrain`.
        RuntimeError: a frozen variable has changed.
    """
    given = {"dataset": dataset, "backbone": backbone}
    return _trained(stages.finetune, config, given, settings)


def _trained(
    stage: Callable[..., RunResult],
    config: Config | None,
    given: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Run:
    named = {k: v for k, v in given.items() if isinstance(v, str)}
    config = configured(config, {**settings, **named})
    objects = {
        k: v for k, v in given.items() if k not in named and v is not None
    }
    if "backbone" in objects:
        objects["backbone"] = functional("backbone", objects["backbone"])
    result = stage(config, **objects)
    folder = pathlib.Path(places.local(config.runs_dir)) / result.run
    return Run(folder, result, objects.get("dataset"))


def configured(config: Config | None, settings: Mapping[str, Any]) -> Config:
    """Returns settings, of which those that are given one by one count.

    Args:
        config: the settings; None: as by default.
        settings: fields of `Config` in place of those.

    Raises:
        UserError: something else, or a name that is no setting.
    """
    if not isinstance(config, Config | None):
        raise UserError(
            f"Expected a Config, got {config!r}: give settings by name, as "
            "epochs=5."
        )
    check_names(settings)
    plain = {
        name: os.fspath(value) if isinstance(value, os.PathLike) else value
        for name, value in settings.items()
    }
    return (config or Config()).replace(**plain)
