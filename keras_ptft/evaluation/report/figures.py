"""Figures of a report, as PNG text that is embedded in the page."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.ticker import MaxNLocator

from keras_ptft.evaluation.metrics import metric_of

TRAINING, VALIDATION = "#1f5fa8", "#d9622b"
"""Colours of what is measured, and of what it is compared with."""

# of the validation split alone, which features are judged on
_JUDGED = (
    "knn_accuracy",
    "probe_accuracy",
    "feature_spread",
    "effective_rank",
)
_PLOTTED = ("loss", "accuracy", "mae", "f1_micro", "view_accuracy", *_JUDGED)
_DPI = 150
# more points are a blot, and are drawn slowly
_MOST_POINTS = 5000


def learning_curves(
    history: Sequence[Mapping[str, float]],
) -> list[tuple[str, str]]:
    """Draws loss and metrics by epoch, training beside validation.

    Args:
        history: an epoch a row, with `epoch`, `loss`, maybe metrics of
            training and, with `val_` before, of validation, and scores of
            features in some of the rows.

    Returns:
        What each picture shows, and a PNG in base64.
    """
    known = set().union(*history)
    pictures = []
    for name in plotted_metrics(history):
        figure, axes = _small_figure()
        if name in _JUDGED:
            _curve(axes, history, name, "validation", VALIDATION)
        else:
            _curve(axes, history, name, "training", TRAINING)
        if f"val_{name}" in known:
            _curve(axes, history, f"val_{name}", "validation", VALIDATION)
        axes.set(title=measure_title(name), xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.legend(frameon=False)
        _plain(axes)
        pictures.append((f"{measure_title(name)} by epoch", figure_png(figure)))
    return pictures


def plotted_metrics(history: Sequence[Mapping[str, float]]) -> list[str]:
    """Returns the metrics that `learning_curves` draws, in order.

    Example:

    >>> plotted_metrics([{"epoch": 1, "loss": 0.5, "val_loss": 0.7}])
    ['loss']
    """
    known = set().union(*history)
    return [name for name in _PLOTTED if name in known]


def measure_title(name: str) -> str:
    """Returns what a metric is called above its curve.

    Example:

    >>> [measure_title(name) for name in ("loss", "mae", "knn_accuracy")]
    ['Loss', 'MAE', 'kNN accuracy']
    """
    title = metric_of(name).title
    # not KNN
    return title if title[1:2].isupper() else title[:1].upper() + title[1:]


def range_test_png(range_test: Mapping[str, Any]) -> str:
    """Draws the loss of a step by its learning rate, and the one found.

    Args:
        range_test: "rates", "losses" and "smoothed", one a step, and
            "found".

    Returns:
        A PNG in base64.
    """
    rates, means = range_test["rates"], range_test["smoothed"]
    found = range_test["found"]
    figure, axes = _small_figure()
    axes.plot(
        rates,
        range_test["losses"],
        color=TRAINING,
        alpha=0.35,
        label="of a step",
    )
    axes.plot(rates, means, color=TRAINING, label="smoothed")
    axes.axvline(found, color=VALIDATION, label=f"found: {found:.2g}")
    axes.set(title="Loss", xlabel="learning rate", xscale="log")
    # the last steps diverge, and would flatten all else
    descent = means[: means.index(min(means)) + 1]
    axes.set_ylim(0, 1.3 * max(descent))
    axes.legend(frameon=False)
    _plain(axes)
    return figure_png(figure)


def estimates_pngs(
    true: np.ndarray, predicted: np.ndarray, target: str
) -> list[tuple[str, str]]:
    """Draws predicted numbers against true ones, and their errors.

    Of more than 5,000 examples, as many are drawn, evenly chosen.

    Args:
        true: of shape (examples,).
        predicted: likewise.
        target: what the data call the number; empty: not known.

    Returns:
        What each picture shows, and a PNG in base64.
    """
    count = min(len(true), _MOST_POINTS)
    chosen = np.linspace(0, len(true) - 1, count).astype(np.int64)
    true, predicted = true[chosen], predicted[chosen]
    unit = f" {target}" if target and drawable(target) else ""
    figures = [Figure(figsize=(4.6, 4.2), layout="constrained") for _ in "12"]
    scatter, errors = (figure.subplots() for figure in figures)
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    scatter.plot(ends, ends, color=VALIDATION, linewidth=1)
    scatter.scatter(true, predicted, s=9, alpha=0.5, color=TRAINING)
    scatter.set(xlabel=f"true{unit}", ylabel=f"predicted{unit}")
    errors.axhline(0, color=VALIDATION, linewidth=1)
    errors.scatter(predicted, predicted - true, s=9, alpha=0.5, color=TRAINING)
    errors.set(xlabel=f"predicted{unit}", ylabel="predicted - true")
    _plain(scatter)
    _plain(errors)
    shown = "Predicted numbers against true ones", "Errors of the numbers"
    return list(zip(shown, map(figure_png, figures), strict=True))


def confusion_png(
    counts: np.ndarray, label_names: Sequence[str], numbers: Sequence[str]
) -> str:
    """Draws a confusion matrix, each row shaded by its class's fractions.

    Where names would not fit, or the font may lack their letters, the
    numbers of the classes are on the axes.

    Args:
        counts: of shape (classes, classes); rows true, columns predicted.
        label_names: a name a row.
        numbers: the number of each class in the table of classes.

    Returns:
        A PNG in base64.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7.4, 6.2), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="true")
    figure.colorbar(image, shrink=0.8, label="fraction of the true class")
    _write_counts(axes, counts, shares)
    named = are_drawable(label_names)
    _write_names(axes, label_names if named else numbers)
    return figure_png(figure)


def are_drawable(label_names: Sequence[str]) -> bool:
    """Whether the axes of a confusion matrix have the names of its classes."""
    return all(map(drawable, label_names))


def image_png(image: np.ndarray) -> str:
    """Encodes an image as it is.

    Args:
        image: uint8 of shape (height, width, channels); of 2 channels the
            first is shown, of more than 4 the first 3.

    Returns:
        A PNG in base64.
    """
    channels = image.shape[-1]
    pixels = image[..., : channels if channels == 4 else 3]
    file = io.BytesIO()
    if channels < 3:
        grey = pixels[..., 0]
        imsave(file, grey, format="png", cmap="gray", vmin=0, vmax=255)
    else:
        imsave(file, pixels, format="png")
    return _text(file)


def drawable(name: str, longest: int = 20) -> bool:
    """Whether a name fits, in letters that Matplotlib's font has.

    Args:
        name: of what is drawn; `$` would start a formula.
        longest: characters that there is room for.

    Example:

    >>> drawable("cat"), drawable("猫"), drawable("$x$"), drawable("")
    (True, False, False, False)
    """
    fits = 0 < len(name) <= longest
    return fits and bool(re.fullmatch(r"[ -#%-~\u00c0-\u017f]+", name))


def figure_png(figure: Figure) -> str:
    """Encodes a figure.

    Returns:
        A PNG in base64.
    """
    file = io.BytesIO()
    figure.set_dpi(_DPI)
    # `savefig` would draw it twice
    FigureCanvasAgg(figure).print_png(file)
    return _text(file)


def _small_figure() -> tuple[Figure, Axes]:
    """A figure with room beside its axes for a title, a label and numbers.

    To have that room measured takes as long as to draw.
    """
    figure = Figure(figsize=(4.6, 3.2))
    return figure, figure.add_axes((0.19, 0.16, 0.78, 0.74))


def _curve(
    axes: Axes,
    history: Sequence[Mapping[str, float]],
    name: str,
    label: str,
    color: str,
) -> None:
    # some are not scored at every epoch
    epochs = [row["epoch"] for row in history if name in row]
    values = [row[name] for row in history if name in row]
    # one epoch alone makes no line
    marker = "o" if len(epochs) < 30 else None
    axes.plot(
        epochs, values, label=label, color=color, marker=marker, markersize=3.5
    )


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    size = 10 if len(counts) <= 12 else 7.5
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "white" if shares[row, column] > 0.5 else "#333333"
            axes.text(
                column,
                row,
                str(count),
                ha="center",
                va="center",
                fontsize=size,
                color=color,
            )


def _write_names(axes: Axes, names: Sequence[str]) -> None:
    ticks = range(len(names))
    tilt = 45 if max(map(len, names)) > 3 else 0
    align = "right" if tilt else "center"
    axes.set_xticks(ticks, names, rotation=tilt, ha=align)
    axes.set_yticks(ticks, names)
    if tilt:
        for text in axes.get_xticklabels():
            text.set_rotation_mode("anchor")


def _text(file: io.BytesIO) -> str:
    return base64.b64encode(file.getvalue()).decode("ascii")
