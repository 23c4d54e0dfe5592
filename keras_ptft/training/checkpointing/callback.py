"""Going on where a training was interrupted, to the bit."""

import dataclasses
import signal
import time
from typing import Any, Protocol

import keras
import numpy as np

from keras_ptft.errors import TrainingInterrupted, UserError
from keras_ptft.training.checkpointing import state
from keras_ptft.training.checkpointing.store import Checkpoint, Checkpoints
from keras_ptft.training.distribution.strategies import all_reduce_mean

# an epoch may take less time than to save it: epochs are saved once in this
# time at most, and for at most this share of it
_SECONDS_AN_EPOCH = 1.0
_SHARE = 0.03


class Stateful(Protocol):
    """A callback whose memory belongs to the state of a training."""

    def remember(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Facts as JSON can hold them, and arrays."""
        ...

    def recall(self, facts: dict[str, Any], arrays: list[np.ndarray]) -> None:
        """Takes back what `remember` gave."""
        ...


class CheckpointCallback(keras.callbacks.Callback):
    """Saves a training as often as is due, and takes it up again.

    It must be the last callback, to save what the others made of an epoch
    and to put back what they forget when training begins.

    Args:
        checkpoints: where to, and how often.
        start: the checkpoint to go on from, or None.
        others: callbacks with a memory, by name.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        start: Checkpoint | None,
        others: dict[str, Stateful],
    ) -> None:
        super().__init__()
        self._checkpoints = checkpoints
        self._start = start
        self._others = others
        self._resumed = start.resumed if start else []
        self._best: tuple[float, int] | None = None
        if start is not None and start.facts["best"]:
            self._best = tuple(start.facts["best"])
        self._saved_step = start.step if start else 0
        self._saved_time = time.monotonic()
        self._epoch_seconds = _SECONDS_AN_EPOCH * checkpoints.interval.epochs
        self._signum = 0

    def ask(self, signum: int) -> None:
        """Makes the training stop after its next step; from any thread."""
        self._signum = signum
        self.model.request_stop()

    def on_train_begin(self, logs: dict | None = None) -> None:
        if self._start is None:
            return
        self._restore(self._start)
        for name, other in self._others.items():
            memory = self._start.facts["callbacks"][name]
            names = (f"{name} {i}" for i in range(memory["arrays"]))
            arrays = [self._start.arrays[n] for n in names]
            other.recall(memory["facts"], arrays)
        self.model.skip_to(self._start.step)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self._start is not None:
            if self._start.step % self.model.steps_per_epoch:
                # Keras has just reset the metrics of what was done of it
                self._restore(self._start)
            self._start = None

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        step = int(self.model.step.numpy())
        # the last step of an epoch is saved when the epoch was evaluated
        if step % self.model.steps_per_epoch == 0:
            return
        if self.model.stopped.numpy():
            self._save(step)
            self.check_stopped()
        if self._due(step):
            self._save(step)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        step = int(self.model.step.numpy())
        last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        stopped = bool(self.model.stopped.numpy())
        if last or stopped or self._due(step, self._epoch_seconds):
            loss = logs.get("val_loss", logs["loss"])
            if self._best is None or loss < self._best[0]:
                self._best = (float(loss), step)
            self._save(step)
        if stopped:
            self.check_stopped()

    def check_stopped(self) -> None:
        """Raises TrainingInterrupted if the training was asked to stop."""
        if self._signum or self.model.stopped.numpy():
            step = int(self.model.step.numpy())
            raise TrainingInterrupted(
                f"stopped after step {step:,}, which is saved: the same "
                "command goes on from there.",
                # another worker may have got the signal
                self._signum or signal.SIGTERM,
            )

    def _due(self, step: int, seconds: float = 0.0) -> bool:
        every = self._checkpoints.interval
        if every.steps:
            return step // every.steps > self._saved_step // every.steps
        if seconds := seconds or every.seconds:
            waited = time.monotonic() - self._saved_time
            # all workers, or none
            strategy = self.model.distribute_strategy
            return all_reduce_mean(strategy, waited - seconds) >= 0
        return False

    def _save(self, step: int) -> None:
        if self.model.failed_step.numpy() >= 0:
            return
        begun = time.monotonic()
        arrays = state.capture(self.model)
        memories = {}
        for name, other in self._others.items():
            facts, several = other.remember()
            memories[name] = {"facts": facts, "arrays": len(several)}
            arrays |= {f"{name} {i}": a for i, a in enumerate(several)}
        facts = {
            "callbacks": memories,
            "plan": dataclasses.asdict(self.model.plan),
            "ended": bool(self.model.stop_training),
            "resumed": self._resumed,
            "best": self._best,
        }
        best_step = self._best[1] if self._best else None
        self._checkpoints.write(Checkpoint(step, arrays, facts), best_step)
        self._saved_step, self._saved_time = step, time.monotonic()
        if self._epoch_seconds:
            dear = (self._saved_time - begun) / _SHARE
            self._epoch_seconds = max(_SECONDS_AN_EPOCH, dear)

    def _restore(self, start: Checkpoint) -> None:
        try:
            state.restore(self.model, start.arrays)
        except ValueError as error:
            raise UserError(
                f"The checkpoint of step {start.step} in "
                f"{self._checkpoints.folder} does not fit: {error}; go on "
                "with the same versions and devices, or remove that folder."
            ) from error
