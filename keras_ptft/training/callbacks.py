"""Callbacks that watch a training: history, early stopping and failure."""

import contextlib
import csv
import dataclasses
import io
import pathlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft import files
from keras_ptft.errors import DiskError, first_line
from keras_ptft.training.nonfinite import NonFiniteError

Logs = dict[str, float] | None


@dataclasses.dataclass(frozen=True)
class Watchers:
    """Callbacks that watch a training beside its own.

    Attributes:
        scoring: told first; what they add to the logs of an epoch becomes
            part of the history.
        watching: told last, when the history has been written.
    """

    scoring: Sequence[keras.callbacks.Callback] = ()
    watching: Sequence[keras.callbacks.Callback] = ()


class History(keras.callbacks.Callback):
    """Keeps one row an epoch; writes it to CSV and TensorBoard.

    Args:
        folder: gets `history.csv` and `tensorboard/`; None: nothing is
            written.

    Attributes:
        rows: one dict an epoch: epoch (from 1), the logs, learning_rate of
            the last step, seconds.
    """

    def __init__(self, folder: pathlib.Path | None = None) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self._earlier = 0.0
        self._folder = folder
        self._writer: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        if self._folder is not None:
            path = self._folder / "tensorboard"
            with _disk_errors(path):
                self._writer = tf.summary.create_file_writer(str(path))

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch, self._start = epoch, time.perf_counter()

    def get_state(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Returns the rows, and the seconds of the unfinished epoch."""
        done = len(self.rows) > self._epoch
        spent = 0.0 if done else self._seconds()
        return {"rows": self.rows, "seconds": spent}, []

    def set_state(
        self, facts: dict[str, Any], arrays: list[np.ndarray]
    ) -> None:
        """Restores what `get_state` returned."""
        self.rows, self._earlier = facts["rows"], facts["seconds"]

    def _seconds(self) -> float:
        return self._earlier + time.perf_counter() - self._start

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        seconds, self._earlier = self._seconds(), 0.0
        rate = _learning_rate(self.model)
        scores = {name: float(value) for name, value in (logs or {}).items()}
        scores["learning_rate"] = rate
        self.rows.append(
            {"epoch": epoch + 1, **scores, "seconds": round(seconds, 3)}
        )
        if self._folder is not None:
            files.write_text(self._folder / "history.csv", self.to_csv())
            with _disk_errors(self._folder / "tensorboard"):
                with self._writer.as_default(step=epoch + 1):
                    tf.summary.experimental.write_raw_pb(_event(scores))
                self._writer.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        if self._writer is not None:
            self._writer.close()

    def to_csv(self) -> str:
        """Returns the rows as CSV text with a header."""
        return csv_text(self.rows)


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Stops when the validation loss has not improved for some epochs.

    Args:
        patience: epochs without improvement; the best weights are restored,
            or their averages where those are kept.
    """

    def __init__(self, patience: int) -> None:
        super().__init__(
            monitor="val_loss", patience=patience, restore_best_weights=True
        )
        super().on_train_begin()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        with self.model.averaged():
            super().on_epoch_end(epoch, logs)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Keeps what earlier phases counted, where Keras begins anew."""

    def on_train_end(self, logs: Logs = None) -> None:
        phase = self.model.tuning.phase
        if self.stopped_epoch or not phase or phase.is_last:
            super().on_train_end(logs)

    def get_state(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Returns the epochs counted so far, and the best weights."""
        facts = {
            "wait": self.wait,
            "stopped_epoch": self.stopped_epoch,
            "best": None if self.best is None else float(self.best),
            "best_epoch": self.best_epoch,
        }
        return facts, list(self.best_weights or ())

    def set_state(
        self, facts: dict[str, Any], arrays: list[np.ndarray]
    ) -> None:
        """Restores what `get_state` returned."""
        self.wait, self.stopped_epoch = facts["wait"], facts["stopped_epoch"]
        self.best, self.best_epoch = facts["best"], facts["best_epoch"]
        self.best_weights = arrays or None


class StopOnNaN(keras.callbacks.Callback):
    """Raises an error that names the step whose loss was not finite."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        step = int(self.model.failed_step.numpy())
        if step >= 0:
            raise NonFiniteError(
                f"The loss is not finite at step {step} (epoch {epoch + 1}): "
                "lower --learning_rate, set --clip_norm=1, or look for "
                "extreme values in the data.",
                {
                    "step": step,
                    "epoch": epoch + 1,
                    "learning_rate": _learning_rate(self.model),
                    "jit_compile": bool(self.model.plan.jit_compile),
                },
            )


def csv_text(rows: Sequence[Mapping[str, float]]) -> str:
    """Returns the rows of a history as CSV text with a header.

    Example:

    >>> print(csv_text([{"epoch": 1, "loss": 0.5}]), end="")
    epoch,loss
    1,0.5
    """
    text = io.StringIO()
    # what is scored every few epochs only is missing in the others
    columns = max(rows, key=len)
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _event(scores: Mapping[str, float]) -> bytes:
    """Scores as TensorBoard stores them: all in one write, which is faster."""
    # a run that is scored, and not trained, needs none of it
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    event = Summary()
    for name, value in scores.items():
        event.MergeFrom(scalar_pb(name, value))
    return bytes(event.SerializeToString())


def _learning_rate(model: keras.Model) -> float:
    # under a strategy the rate is a variable without a float of its own
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


@contextlib.contextmanager
def _disk_errors(path: pathlib.Path) -> Iterator[None]:
    """Raises DiskError where TensorFlow cannot write below a path."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = first_line(error).rpartition(";")[2].strip()
        raise DiskError(
            f"Cannot write {path}: {reason}. Make room, and start the same "
            "command again."
        ) from error
