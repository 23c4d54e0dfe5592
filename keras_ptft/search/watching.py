"""Watches a trial at the end of each epoch."""

import keras

from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics import METRICS
from keras_ptft.search.study import Halving

Logs = dict[str, float] | None


class TrialStopped(Exception):
    """A trial is not worth going on with.

    Attributes:
        metrics: of the validation split, as they were then.
    """

    def __init__(self, metrics: dict[str, float]) -> None:
        super().__init__(metrics)
        self.metrics = metrics


class Watch(keras.callbacks.Callback):
    """Stops a trial that other trials have left behind.

    Args:
        halving: decides it; None: no trial is stopped.
    """

    def __init__(self, halving: Halving | None) -> None:
        super().__init__()
        self._halving = halving

    def on_train_begin(self, logs: Logs = None) -> None:
        """Leaves alone what was stopped before the search was killed."""
        if self._halving and (metrics := self._halving.stopped):
            raise TrialStopped(metrics)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        metrics = validation_metrics(logs or {})
        if not metrics:
            raise without_validation()
        if self._halving is None:
            return
        if self._halving.stops(epoch + 1, metrics):
            raise TrialStopped(metrics)


def validation_metrics(logs: dict[str, float]) -> dict[str, float]:
    """Returns the metrics of the validation split of an epoch.

    Example:

    >>> validation_metrics({"loss": 1.0, "val_loss": 2.0})
    {'loss': 2.0}
    """
    given = {k[4:]: float(v) for k, v in logs.items() if k[:4] == "val_"}
    return {name: value for name, value in given.items() if name in METRICS}


def without_validation() -> UserError:
    """Returns the error that a recipe validates nothing."""
    return UserError(
        "tune judges trials by a validation split, and this recipe has none: "
        "set --validation_fraction=0.1."
    )
