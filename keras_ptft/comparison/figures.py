"""The plot of a comparison, as PNG text that is embedded in the page."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from keras_ptft.comparison.styles import Style
from keras_ptft.comparison.summary import Row, Summary
from keras_ptft.evaluation.metrics import metric_of
from keras_ptft.evaluation.report.figures import drawable, figure_png

# inches; a narrow phone shows it with letters that can be read
_WIDTH = 5.4
_LONGEST = 28
# budgets that span more are drawn on a logarithmic axis
_LINEAR_SPAN = 4
# numbers below an axis that are nearer, by its width, would touch
_APART = 0.09
# bands of more variants are a fog
_FEW = 5


class Theme(NamedTuple):
    """Colors of what is no variant, and which of a variant's are taken."""

    ink: str
    line: str
    dark: bool

    def color(self, style: Style) -> str:
        """Returns a variant's color on this page."""
        return style.dark if self.dark else style.light


LIGHT = Theme(ink="#1d2733", line="#8a949e", dark=False)
DARK = Theme(ink="#e4e9ee", line="#8a949e", dark=True)


def comparison_png(
    summary: Summary, styles: Mapping[str, Style], theme: Theme
) -> str:
    """Draws the metric by the number of labels; of one budget, by variant.

    Args:
        summary: of the comparison.
        styles: of each variant.
        theme: of the page.

    Returns:
        A PNG in base64, without a background.
    """
    rows, metric = summary.rows, summary.metric
    several = len({row.budget for row in rows}) > 1
    height = 0.9 + 0.4 * len(rows)
    if several:
        lines = len(styles) / _columns(plotted_names(styles).values())
        height = 3.6 + 0.22 * math.ceil(lines)
    figure = Figure((_WIDTH, height), facecolor="none", layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("none")
    if several:
        _draw_curves(axes, rows, metric, styles, theme)
        _write_legend(figure, axes, theme)
    else:
        _draw_intervals(axes, rows, metric, styles, theme)
    dress(axes, theme)
    return figure_png(figure)


def plotted_names(variants: Iterable[str]) -> dict[str, str]:
    """Returns what each variant is called in the plot.

    That is its name; or its number, where a name has no room, or letters
    that the font may lack.

    Example:

    >>> plotted_names(["scratch", "fine-tuned"])
    {'scratch': 'scratch', 'fine-tuned': 'fine-tuned'}
    >>> plotted_names(["scratch", "微调"])
    {'scratch': '1', '微调': '2'}
    """
    names = list(variants)
    # Matplotlib leaves names with a leading _ out of a legend
    named = all(drawable(name, _LONGEST) and name[0] != "_" for name in names)
    return {
        name: name if named else str(number)
        for number, name in enumerate(names, start=1)
    }


def is_logarithmic(rows: Sequence[Row]) -> bool:
    """Returns whether the axis of labels is a logarithmic one."""
    counts = [row.train_examples for row in rows]
    return min(counts) > 0 and max(counts) > _LINEAR_SPAN * min(counts)


def _draw_curves(
    axes: Axes,
    rows: Sequence[Row],
    metric: str,
    styles: Mapping[str, Style],
    theme: Theme,
) -> None:
    names = plotted_names(styles)
    alpha = 0.16 if len(styles) <= _FEW else 0.07
    for variant, style in styles.items():
        own = sorted(
            (row for row in rows if row.variant == variant),
            key=lambda row: row.train_examples,
        )
        counts = [row.train_examples for row in own]
        low, mean, high = _bounds(own, metric).T
        color = theme.color(style)
        axes.fill_between(counts, low, high, color=color, alpha=alpha, lw=0)
        axes.vlines(counts, low, high, color=color, lw=1.2, alpha=0.7)
        axes.plot(
            counts,
            mean,
            color=color,
            linestyle=style.line,
            marker=style.marker,
            label=names[variant],
        )
    axes.set_ylim(_limits(rows, metric))
    _write_budgets(axes, rows)
    axes.set_ylabel(_axis_title(metric))


def _draw_intervals(
    axes: Axes,
    rows: Sequence[Row],
    metric: str,
    styles: Mapping[str, Style],
    theme: Theme,
) -> None:
    names = plotted_names(styles)
    for place, row in enumerate(rows):
        style = styles[row.variant]
        color = theme.color(style)
        low, mean, high = _bounds([row], metric)[0]
        axes.hlines(place, low, high, color=color, lw=2.5, alpha=0.6)
        axes.plot(mean, place, style.marker, color=color, markersize=8)
    axes.set_yticks(range(len(rows)), [names[row.variant] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(_limits(rows, metric))
    axes.set_xlabel(_axis_title(metric))


def _bounds(rows: Sequence[Row], metric: str) -> np.ndarray:
    """Low end, mean and high end of each; of one seed, the mean.

    They are cut to values that the metric can have.
    """
    shown = metric_of(metric)
    ends = []
    for interval in (row.metrics[metric] for row in rows):
        mean, half = interval.mean, interval.half or 0
        ends.append((mean - half, mean, mean + half))
    if shown.percent:
        return 100 * np.clip(ends, 0, 1)
    return np.maximum(ends, 0 if shown.direction == "lower" else -np.inf)


def _limits(rows: Sequence[Row], metric: str) -> tuple[float, float]:
    """Ends of an axis that shows whole markers at its ends."""
    bounds = _bounds(rows, metric)
    low, high = float(bounds.min()), float(bounds.max())
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1
    return low - margin, high + margin


def _write_budgets(axes: Axes, rows: Sequence[Row]) -> None:
    """Marks the measured numbers of labels, those that have room."""
    counts = sorted({row.train_examples for row in rows})
    logarithmic = is_logarithmic(rows)
    if logarithmic:
        axes.set_xscale("log")
    places = np.log(counts) if logarithmic else np.array(counts)
    shares = (places - places[0]) / max(places[-1] - places[0], 1e-9)
    kept: list[int] = []
    for number, share in enumerate(shares):
        if not kept or share - shares[kept[-1]] >= _APART:
            kept.append(number)
    ticks = [counts[number] for number in kept]
    axes.set_xticks(ticks, [f"{count:,.0f}" for count in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("labelled training examples")


def _axis_title(metric: str) -> str:
    shown = metric_of(metric)
    better = f" ({shown.direction} is better)" if shown.direction else ""
    return shown.heading + better


def _write_legend(figure: Figure, axes: Axes, theme: Theme) -> None:
    """Names the variants below the plot, in as many columns as have room."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="outside lower center",
        ncols=_columns(names),
        frameon=False,
        columnspacing=1.2,
        labelcolor=theme.ink,
    )


def _columns(names: Iterable[str]) -> int:
    """How many columns of a legend have room."""
    return max(1, int(72 / (8 + max(map(len, names)))))


def dress(axes: Axes, theme: Theme) -> None:
    """Gives axes the colors of a page, and lines that lead the eye."""
    axes.tick_params(colors=theme.line, labelcolor=theme.ink)
    axes.xaxis.label.set_color(theme.ink)
    axes.yaxis.label.set_color(theme.ink)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(theme.line)
    axes.grid(color=theme.line, alpha=0.25)
