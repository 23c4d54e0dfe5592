"""The examples that a run was trained on, for scores that need them."""

import logging

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset, Source, take
from keras_ptft.errors import UserError
from keras_ptft.experiment.loading import reload_dataset
from keras_ptft.experiment.weights import Weights

_LOG = logging.getLogger("keras_ptft")


def training_examples(
    config: Config,
    given: Dataset | None,
    weights: Weights,
    train: Source | None = None,
) -> Source | None:
    """Returns the examples that a run was trained on.

    Args:
        config: the settings of the run.
        given: the data set that was handed over to it, if one was.
        weights: the run's model.
        train: the training split, where it is loaded already.

    Returns:
        Those of them that are still there; None: the data cannot be loaded,
        which is told.
    """
    try:
        if train is None:
            train = reload_dataset(config, given, weights).splits["train"]
    except UserError as error:
        _LOG.warning(
            "Scores by the nearest training examples are left out: %s", error
        )
        return None
    seen = weights.seen()
    return train if seen is None else take(train, seen.exact(train.hashes))
