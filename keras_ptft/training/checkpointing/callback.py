"""The callback that saves a training and resumes it to the bit."""

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

MIN_EPOCH_SECONDS = 1.0
"""Ends of epochs less than this after a checkpoint are not saved."""

MAX_SAVING_FRACTION = 0.03
"""Most of the time that saving ends of epochs may take."""

Logs = dict[str, float] | None


class Stateful(Protocol):
    """A callback whose state belongs to the state of the training."""

    def get_state(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Returns facts that JSON can hold, and arrays."""
        ...

    def set_state(
        self, facts: dict[str, Any], arrays: list[np.ndarray]
    ) -> None:
        """Restores what `get_state` returned."""
        ...


class CheckpointCallback(keras.callbacks.Callback):
    """Saves a training when a checkpoint is due, and resumes it.

    It must be the last callback: it saves the state that the others have
    after an epoch, and restores what they reset when training begins.

    Args:
        checkpoints: where to save, and how often.
        start: the checkpoint to resume from, or None.
        stateful: callbacks whose state is saved, by name.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        start: Checkpoint | None,
        stateful: dict[str, Stateful],
    ) -> None:
        super().__init__()
        self._checkpoints = checkpoints
        self._start = start
        self._stateful = stateful
        self._resumed = start.resumed if start else []
        # loss and step
        self._best: tuple[float, int] | None = None
        if start is not None and start.facts["best"]:
            self._best = tuple(start.facts["best"])
        self._saved_step = start.step if start else 0
        self._saved_time = time.monotonic()
        self._epoch_seconds = MIN_EPOCH_SECONDS * checkpoints.interval.epochs
        self._signum = 0

    def request_stop(self, signum: int) -> None:
        """Makes the training stop after its next step; from any thread."""
        self._signum = signum
        self.model.request_stop()

    def on_train_begin(self, logs: Logs = None) -> None:
        if self._start is None:
            return
        self._restore(self._start)
        for name, callback in self._stateful.items():
            saved = self._start.facts["callbacks"][name]
            arrays = [
                self._start.arrays[f"{name} {index}"]
                for index in range(saved["arrays"])
            ]
            callback.set_state(saved["facts"], arrays)
        self.model.skip_to(self._start.step)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        start, self._start = self._start, None
        if start is not None and start.step % self.model.steps_per_epoch:
            # Keras has just reset the metrics of the interrupted epoch
            self._restore(start)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        step = int(self.model.step.numpy())
        # the last step of an epoch is saved after the epoch is evaluated
        if step % self.model.steps_per_epoch == 0:
            return
        if self.model.stopped.numpy():
            self._save(step)
            self.check_stopped()
        if self._is_due(step):
            self._save(step)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        step = int(self.model.step.numpy())
        last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        stopped = bool(self.model.stopped.numpy())
        if last or stopped or self._is_due(step, self._epoch_seconds):
            scores = logs or {}
            loss = float(scores.get("val_loss", scores["loss"]))
            if self._best is None or loss < self._best[0]:
                self._best = (loss, step)
            self._save(step)
        if stopped:
            self.check_stopped()

    def check_stopped(self) -> None:
        """Raises TrainingInterrupted if the training was to stop."""
        if self._signum or self.model.stopped.numpy():
            step = int(self.model.step.numpy())
            raise TrainingInterrupted(
                f"stopped after step {step:,}, which is saved: the same "
                "command resumes from there.",
                # the signal may have reached another worker
                self._signum or signal.SIGTERM,
            )

    def _is_due(self, step: int, seconds: float = 0.0) -> bool:
        every = self._checkpoints.interval
        if every.steps:
            return step // every.steps > self._saved_step // every.steps
        if seconds := seconds or every.seconds:
            passed = time.monotonic() - self._saved_time
            # all workers must decide the same
            strategy = self.model.distribute_strategy
            return all_reduce_mean(strategy, passed - seconds) >= 0
        return False

    def _save(self, step: int) -> None:
        if self.model.failed_step.numpy() >= 0:
            return
        start = time.monotonic()
        arrays = state.capture(self.model)
        saved = {}
        for name, callback in self._stateful.items():
            facts, several = callback.get_state()
            saved[name] = {"facts": facts, "arrays": len(several)}
            arrays |= {f"{name} {i}": a for i, a in enumerate(several)}
        facts = {
            "callbacks": saved,
            "plan": dataclasses.asdict(self.model.plan),
            "ended": bool(self.model.stop_training),
            "resumed": self._resumed,
            "best": self._best,
        }
        best_step = self._best[1] if self._best else None
        self._checkpoints.write(Checkpoint(step, arrays, facts), best_step)
        self._saved_step, self._saved_time = step, time.monotonic()
        if self._epoch_seconds:
            affordable = (self._saved_time - start) / MAX_SAVING_FRACTION
            self._epoch_seconds = max(MIN_EPOCH_SECONDS, affordable)

    def _restore(self, start: Checkpoint) -> None:
        try:
            state.restore(self.model, start.arrays)
        except ValueError as error:
            raise UserError(
                f"The checkpoint of step {start.step} in "
                f"{self._checkpoints.folder} does not fit: {error}; resume "
                "with the same versions and devices, or remove that folder."
            ) from error
