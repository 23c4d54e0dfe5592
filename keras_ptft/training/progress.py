"""How far a training is, as it suits a terminal, a file or a notebook."""

import html
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras

from keras_ptft.notebook import in_notebook

if TYPE_CHECKING:
    from IPython.display import DisplayHandle

Logs = dict[str, float] | None

# more often than that nobody reads
_EVERY_SECONDS = 0.2


def progress(epochs: int) -> tuple[int, list[keras.callbacks.Callback]]:
    """Returns Keras's `verbose` and the callbacks that suit the output.

    Args:
        epochs: of the whole training, maybe more than those of a phase.
    """
    if in_notebook():
        return 0, [NotebookBar(epochs)]
    if sys.stdout.isatty():
        return 1, [ProgressBar(epochs)]
    return 0, [EpochLine(epochs)]


class ProgressBar(keras.callbacks.ProgbarLogger):
    """Keras's bar of each epoch, which counts all epochs.

    Args:
        epochs: of the whole training.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._all_epochs = epochs

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params({**params, "epochs": self._all_epochs})


class EpochLine(keras.callbacks.Callback):
    """Prints one line an epoch, for output that is not a terminal.

    Args:
        epochs: of the whole training.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        seconds = time.perf_counter() - self._start
        print(
            f"epoch {epoch + 1}/{self._epochs}  {score_text(logs or {})}  "
            f"{seconds:.1f} s",
            flush=True,
        )


class NotebookBar(keras.callbacks.Callback):
    """Shows a bar and the scores of the last epoch, updated in place.

    Args:
        epochs: of the whole training.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs, self._epoch, self._scores = epochs, 0, ""
        self._display: DisplayHandle | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        # a training in phases begins several times
        if self._display is None:
            # every notebook has it, and nothing else needs it
            from IPython.display import DisplayHandle

            self._display = DisplayHandle()
            self._started = self._last = time.perf_counter()
            self._display.display(self._bundle(0.0), raw=True)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if time.perf_counter() - self._last > _EVERY_SECONDS:
            self._update((batch + 1) / self.params["steps"])

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._scores = score_text(logs or {})

    def on_train_end(self, logs: Logs = None) -> None:
        if self._scores:
            self._update(1.0)

    def _update(self, share: float) -> None:
        """Shows that a share of the epoch is done."""
        self._last = time.perf_counter()
        if self._display is not None:
            self._display.update(self._bundle(share), raw=True)

    def _bundle(self, share: float) -> dict[str, str]:
        """What is shown, for notebooks with HTML and without."""
        seconds = time.perf_counter() - self._started
        text = f"epoch {self._epoch + 1}/{self._epochs}  {self._scores}  "
        text += f"{seconds:.1f} s"
        done = f'max="{self._epochs}" value="{self._epoch + share:.3f}"'
        bar = f"<progress {done}></progress>"
        return {
            "text/plain": text,
            "text/html": f"{bar} <code>{html.escape(text)}</code>",
        }


def score_text(logs: Mapping[str, float]) -> str:
    """Returns the scores of an epoch on one line.

    Example:

    >>> score_text({"loss": 0.5, "val_accuracy": 0.75})
    'loss 0.5000  val_accuracy 0.7500'
    """
    return "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
