"""What watches a training: history, progress and failure."""

import csv
import io
import pathlib
import sys
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft import files
from keras_ptft.errors import DiskError, UserError


class History(keras.callbacks.Callback):
    """Keeps a row an epoch; writes it to CSV and TensorBoard.

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
        self._writer = None
        if folder is not None:
            path = str(folder / "tensorboard")
            self._writer = tf.summary.create_file_writer(path)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch, self._start = epoch, time.perf_counter()

    def remember(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """The rows, and the seconds spent on the epoch that is under way."""
        done = len(self.rows) > self._epoch
        spent = 0.0 if done else self._seconds()
        return {"rows": self.rows, "seconds": spent}, []

    def recall(self, facts: dict[str, Any], arrays: list[np.ndarray]) -> None:
        """Takes back what `remember` gave."""
        self.rows, self._earlier = facts["rows"], facts["seconds"]

    def _seconds(self) -> float:
        return self._earlier + time.perf_counter() - self._start

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        seconds, self._earlier = self._seconds(), 0.0
        # on replicas the rate is a variable that has no float of its own
        rate = float(
            keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        )
        scores = {name: float(value) for name, value in (logs or {}).items()}
        self.rows.append(
            {"epoch": epoch + 1, **scores, "learning_rate": rate}
            | {"seconds": round(seconds, 3)}
        )
        if self._folder is not None:
            files.write_text(self._folder / "history.csv", self.to_csv())
            self._tell_tensorboard(epoch + 1, scores | {"learning_rate": rate})

    def _tell_tensorboard(self, epoch: int, scores: dict[str, float]) -> None:
        try:
            with self._writer.as_default(step=epoch):
                for name, value in scores.items():
                    tf.summary.scalar(name, value)
            self._writer.flush()
        except tf.errors.OpError as error:
            reason = str(error).partition("\n")[0].rpartition(";")[2].strip()
            raise DiskError(
                f"Cannot write {self._folder / 'tensorboard'}: {reason}. Make "
                "room, and start the same command again."
            ) from error

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._writer is not None:
            self._writer.close()

    def to_csv(self) -> str:
        """The rows as CSV text with a header."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Stops when the validation loss has not improved for some epochs.

    Args:
        patience: epochs without a better one; the best weights are kept.
    """

    _FACTS = ("wait", "stopped_epoch", "best", "best_epoch")

    def __init__(self, patience: int) -> None:
        super().__init__(
            monitor="val_loss", patience=patience, restore_best_weights=True
        )

    def remember(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """What counts towards the end, and the best weights."""
        facts = {name: getattr(self, name) for name in self._FACTS}
        if self.best is not None:
            facts["best"] = float(self.best)
        return facts, list(self.best_weights or ())

    def recall(self, facts: dict[str, Any], arrays: list[np.ndarray]) -> None:
        """Takes back what `remember` gave."""
        for name in self._FACTS:
            setattr(self, name, facts[name])
        self.best_weights = arrays or None


class EpochLine(keras.callbacks.Callback):
    """ImageHashes one line an epoch, for output that is not a terminal."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        seconds = time.perf_counter() - self._start
        scores = "  ".join(
            f"{name} {value:.4f}" for name, value in (logs or {}).items()
        )
        total = self.params["epochs"]
        print(
            f"epoch {epoch + 1}/{total}  {scores}  {seconds:.1f} s", flush=True
        )


class StopOnNaN(keras.callbacks.Callback):
    """Ends the run when a loss was not finite, and says at which step."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        step = int(self.model.failed_step.numpy())
        if step >= 0:
            raise UserError(
                f"The loss is not finite at step {step} (epoch {epoch + 1}): "
                "lower --learning_rate, set --clip_norm=1, or look for "
                "extreme values in the data."
            )


def progress() -> tuple[int, list[keras.callbacks.Callback]]:
    """Keras's `verbose`, and the callbacks, that suit the output."""
    if sys.stdout.isatty():
        return 1, []
    return 0, [EpochLine()]
