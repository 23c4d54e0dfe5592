"""`keras-ptft federate`: clients in one process train a model together."""

import pathlib
from typing import Any

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.experiment.library import configured
from keras_ptft.experiment.results import RunResult
from keras_ptft.experiment.run import Run
from keras_ptft.federated.rounds import play
from keras_ptft.federated.run import federated_run
from keras_ptft.federated.settings import FEDERATE_FIELDS, FederateConfig
from keras_ptft.federated.shared import NOTHING, Given
from keras_ptft.models.saved import functional
from keras_ptft.remote import places


def federate(
    config: Config | None = None,
    federate_config: FederateConfig | None = None,
    *,
    dataset: Dataset | str | None = None,
    backbone: keras.Model | str | None = None,
    **settings: Any,
) -> Run:
    """Trains a model by clients that keep their examples.

    McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks
    from Decentralized Data". In each round the server sends the weights to
    clients, each trains them on its own examples, and the server averages
    what comes back. Here all of them are in one process, to try what clients
    on machines of their own would come to.

    Args:
        config: the settings of a recipe; with `init_from` it fine-tunes.
        federate_config: clients, rounds and server; None: as by default.
        dataset: a data set of your own, or the setting of that name.
        backbone: a functional model of your own, or the setting.
        settings: fields of `Config` and of `FederateConfig`, in place of
            those.

    Returns:
        The run, which is complete. The same call again reads it.

    Raises:
        UserError: a setting, a file or the run folder is not as it must be.
    """
    names = {k: v for k, v in settings.items() if k in FEDERATE_FIELDS}
    asked = federate_config or FederateConfig()
    asked = FederateConfig(**{**vars(asked), **names})
    rest = {k: v for k, v in settings.items() if k not in names}
    objects: dict[str, Any] = {"dataset": dataset, "backbone": backbone}
    rest |= {k: v for k, v in objects.items() if isinstance(v, str)}
    config = configured(config, rest)
    given = Given(
        **{k: v for k, v in objects.items() if k not in rest and v is not None}
    )
    if given.backbone is not None:
        given = Given(given.dataset, functional("backbone", given.backbone))
    result = train(config, asked, given)
    folder = pathlib.Path(places.local(config.runs_dir)) / result.run
    return Run(folder, result, given.dataset)


def train(
    config: Config, asked: FederateConfig, given: Given = NOTHING
) -> RunResult:
    """Trains a recipe by clients in this process.

    Args:
        config: the settings of the recipe.
        asked: clients, rounds and server.
        given: objects in place of settings.
    """
    return federated_run(config, asked, play, given)
