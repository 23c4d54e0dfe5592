"""The pictures of a search, as PNG text that is embedded in the page."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_ptft.comparison.figures import Theme, dress
from keras_ptft.config import FIELDS
from keras_ptft.evaluation.metrics import metric_of
from keras_ptft.evaluation.report.figures import drawable, figure_png
from keras_ptft.search.result import COMPLETE, Found, Trial, goodness
from keras_ptft.search.space import Dimension
from keras_ptft.settings import to_text

# inches; a narrow phone shows it with letters that can be read
_WIDTH, _HEIGHT = 5.4, 3.0
_LONGEST = 34


def settings_png(
    found: Found,
    space: Sequence[Dimension],
    own: dict[str, Any],
    theme: Theme,
) -> str:
    """Draws the metric against each setting that was searched.

    Args:
        found: what the search came to.
        space: what was searched.
        own: the values of the recipe.
        theme: of the page.

    Returns:
        A PNG in base64, without a background.
    """
    heights = [_height(dimension) for dimension in space]
    figure = Figure(
        (_WIDTH, sum(heights)), facecolor="none", layout="constrained"
    )
    several = figure.subplots(
        len(space), 1, squeeze=False, height_ratios=heights
    )
    names = {dimension.name for dimension in space}
    # a probe differs in settings that are not drawn
    done = [
        trial
        for trial in found.trials
        if trial.state == COMPLETE and trial.settings.keys() <= names
    ]
    drawn = dataclasses.replace(found, trials=done)
    for axes, dimension in zip(several[:, 0], space, strict=True):
        axes.set_facecolor("none")
        _draw_setting(axes, drawn, dimension, own[dimension.name], theme)
        dress(axes, theme)
    return figure_png(figure)


def course_png(found: Found, theme: Theme) -> str:
    """Draws each trial against the time so far, and the best by then.

    Returns:
        A PNG in base64, without a background.
    """
    figure = Figure((_WIDTH, _HEIGHT), facecolor="none", layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("none")
    times = list(itertools.accumulate(t.seconds for t in found.trials))
    done = [
        (time, trial)
        for time, trial in zip(times, found.trials, strict=True)
        if trial.state == COMPLETE
    ]
    values = _shown(found, [trial for _, trial in done])
    kept = np.maximum if goodness(found.metric, 1.0) > 0 else np.minimum
    at = [time for time, _ in done]
    axes.step(
        [*at, times[-1]],
        [*kept.accumulate(values), kept.reduce(values)],
        where="post",
        color=_color(theme),
        label="best so far",
    )
    axes.plot(at, values, "o", color=_color(theme), alpha=0.45, markersize=5)
    axes.set_xlabel("seconds of all trials so far")
    axes.set_ylabel(_title(found.metric))
    dress(axes, theme)
    return figure_png(figure)


def _draw_setting(
    axes: Axes, found: Found, dimension: Dimension, own: Any, theme: Theme
) -> None:
    """One setting: values to the right, or of a list below each other."""
    done = found.trials
    values = [trial.settings.get(dimension.name, own) for trial in done]
    scores = _shown(found, done)
    known = [
        (value, score, trial)
        for value, score, trial in zip(values, scores, done, strict=True)
        if dimension.holds(value)
    ]
    for value, score, trial in known:
        is_best = trial.number == found.best
        place: tuple[Any, Any] = (value, score)
        if dimension.values:
            place = (score, dimension.values.index(value))
        axes.plot(
            *place,
            "D" if is_best else "o",
            color=_best_color(theme) if is_best else _color(theme),
            alpha=1.0 if is_best else 0.5,
            markersize=8 if is_best else 6,
            zorder=3 if is_best else 2,
        )
    _label(axes, found, dimension, theme)


def _label(
    axes: Axes, found: Found, dimension: Dimension, theme: Theme
) -> None:
    axes.tick_params(which="minor", colors=theme.line)
    if not dimension.values:
        axes.set_xscale("log" if dimension.logarithmic else "linear")
        axes.set_xlabel(dimension.name)
        axes.set_ylabel(_title(found.metric))
        return
    field = FIELDS[dimension.name]
    names = [to_text(field, value) for value in dimension.values]
    shown = [
        name if drawable(name, _LONGEST) else f"{place}."
        for place, name in enumerate(names, start=1)
    ]
    axes.set_yticks(range(len(names)), shown)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_title(
        dimension.name, fontsize="medium", loc="left", color=theme.ink
    )
    axes.set_xlabel(_title(found.metric))
    axes.xaxis.set_major_locator(MaxNLocator(6))


def _height(dimension: Dimension) -> float:
    return 1.2 + 0.3 * len(dimension.values) if dimension.values else _HEIGHT


def _shown(found: Found, trials: Sequence[Trial]) -> np.ndarray:
    values = np.array([trial.metrics[found.metric] for trial in trials])
    return 100 * values if metric_of(found.metric).percent else values


def _title(metric: str) -> str:
    return f"validation {metric_of(metric).heading}"


def _color(theme: Theme) -> str:
    return "#56b4e9" if theme.dark else "#0067a5"


def _best_color(theme: Theme) -> str:
    return "#f28a45" if theme.dark else "#c75000"


def is_drawn(space: Sequence[Dimension]) -> bool:
    """Returns whether all values of lists have their names in the picture.

    Example:

    >>> from keras_ptft.search.space import parse_search
    >>> is_drawn(parse_search("freeze=all,none epochs=int(1,9)"))
    True
    """
    return all(
        drawable(to_text(FIELDS[one.name], value), _LONGEST)
        for one in space
        for value in one.values
    )
