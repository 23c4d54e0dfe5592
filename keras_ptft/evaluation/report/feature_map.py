"""The features of test examples in two dimensions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_ptft.evaluation.report.figures import drawable, figure_png

# Okabe and Ito 2008, "Color Universal Design", and two more; signs tell
# apart what an eye or a print takes for the same colour
_COLORS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#b8a800",
    "#5b3a8c",
    "#8c8c8c",
    "#7a3b12",
)
_SIGNS = "osD^vPX<>*"
_OTHERS = "#c9ced3"


class FeatureMap(NamedTuple):
    """Features before the head, as PCA lays them out in two dimensions.

    Attributes:
        points: float of shape (examples, 2).
        variance: the share of the variance that each dimension has.
        features: how many there are before.
        total: examples of the split, of which these are some.
        groups: the class of each example, an index of `names`; of no
            classes all 0.
        names: of the classes; empty: there are none.
        wrong: bool of shape (examples,), where the model is wrong; of
            numbers nowhere.
        values: the true number of each example; None: labels are no numbers.
        target: what the data call that number.
    """

    points: np.ndarray
    variance: tuple[float, float]
    features: int
    total: int
    groups: np.ndarray
    names: Sequence[str]
    wrong: np.ndarray
    values: np.ndarray | None = None
    target: str = ""


def feature_map_png(found: FeatureMap) -> str:
    """Draws the examples, coloured by class or by number.

    Of more than ten classes the ten most frequent are coloured.

    Returns:
        A PNG in base64.
    """
    figure = Figure(figsize=(7.4, 5.2), layout="constrained")
    axes = figure.subplots()
    if found.values is not None:
        across, up = found.points.T
        points = axes.scatter(across, up, s=24, c=found.values)
        target = found.target if drawable(found.target) else ""
        figure.colorbar(points, shrink=0.8, label=f"true {target}".strip())
    else:
        _draw_classes(axes, found)
    if found.wrong.any():
        across, up = found.points[found.wrong].T
        axes.scatter(
            across,
            up,
            s=90,
            facecolors="none",
            edgecolors="#111111",
            linewidths=1.1,
            label="mistake",
        )
    if axes.get_legend_handles_labels()[1]:
        figure.legend(loc="outside right upper", frameon=False)
    for axis, number, share in zip(
        (axes.xaxis, axes.yaxis),
        ("first", "second"),
        found.variance,
        strict=True,
    ):
        axis.set_label_text(f"{number} component, {100 * share:.0f} %")
    axes.set(xticks=[], yticks=[])
    axes.spines[["top", "right"]].set_visible(False)
    return figure_png(figure)


def feature_map_text(found: FeatureMap) -> str:
    """Returns how the map was made, in words."""
    shown = len(found.points)
    examples = f"{shown:,} of the {found.total:,} test examples"
    if shown == found.total:
        examples = f"The {shown:,} test examples"
    text = (
        f"{examples} by the {found.features:,} features that the head reads, "
        "in the two directions in which these differ most (principal "
        f"component analysis): {100 * sum(found.variance):.0f} % of their "
        "variance. Examples that lie apart here are apart; those that lie "
        "together may be apart in the other directions."
    )
    if len(found.names) > len(_COLORS):
        text += (
            f" Of {len(found.names):,} classes the {len(_COLORS)} most "
            "frequent are coloured."
        )
    return text


def _draw_classes(axes: Axes, found: FeatureMap) -> None:
    across, up = found.points.T
    if not found.names:
        axes.scatter(across, up, s=24, color=_COLORS[0])
        return
    counts = np.bincount(found.groups, minlength=len(found.names))
    order = np.argsort(-counts, kind="stable")[: len(_COLORS)]
    others = ~np.isin(found.groups, order)
    if others.any():
        axes.scatter(
            across[others], up[others], s=16, color=_OTHERS, label="others"
        )
    named = all(drawable(found.names[group]) for group in order)
    chosen = np.sort(order[counts[order] > 0]).tolist()
    for color, sign, group in zip(_COLORS, _SIGNS, chosen, strict=False):
        here = found.groups == group
        axes.scatter(
            across[here],
            up[here],
            s=24,
            marker=sign,
            color=color,
            alpha=0.75,
            linewidths=0,
            label=found.names[group] if named else f"class {group}",
        )
