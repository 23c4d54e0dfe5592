"""What it costs to train a model from each of its cut points on."""

import dataclasses
import math
from collections.abc import Iterable

import keras

from keras_ptft.models.costs import multiply_adds
from keras_ptft.models.structure import input_tensors
from keras_ptft.transfer.blocks import block_of

_MOST = 16
# a backward pass computes gradients of the inputs and of the weights of each
# product, either as expensive as the product itself
_TRAINING = 3


@dataclasses.dataclass(frozen=True)
class CutCost:
    """Both parts of a backbone that is cut in two, without the head.

    Attributes:
        name: of the cut point, "none" or "all".
        frozen_parameters: before the cut.
        trained_parameters: after the cut.
        frozen: multiply-adds of one example, forward, before the cut.
        trained: the same after the cut.

    Example:

    >>> CutCost("conv1", 100, 900, frozen=20, trained=10).uncached_step
    50
    """

    name: str
    frozen_parameters: int
    trained_parameters: int
    frozen: int
    trained: int

    @property
    def cached_step(self) -> int:
        """Multiply-adds of training on an example with cached features."""
        return _TRAINING * self.trained

    @property
    def uncached_step(self) -> int:
        """The same where the frozen part runs at every step."""
        return self.frozen + self.cached_step


def cut_costs(
    backbone: keras.Model, points: Iterable[str], length: int = 0
) -> list[CutCost]:
    """Computes the costs of some cut points.

    Args:
        backbone: functional.
        points: names of cut points; "none" and "all" are added.
        length: of axes that the model leaves open, as tokens of a text.

    Returns:
        One entry a point, in the order given, between "none" and "all".
    """
    counted = multiply_adds(backbone, length)
    parameters, total = backbone.count_params(), counted.total()
    costs = [CutCost("none", 0, parameters, 0, total)]
    for point in points:
        tensor = backbone.get_layer(point).output
        prefix = keras.Model(input_tensors(backbone), tensor)
        within = prefix.count_params()
        frozen = sum(counted[o.name] for o in prefix.operations)
        rest = parameters - within, frozen, total - frozen
        costs.append(CutCost(point, within, *rest))
    return [*costs, CutCost("all", parameters, 0, total, 0)]


def principal(backbone: keras.Model, points: list[str]) -> list[str]:
    """Chooses the cut points that are worth a line each.

    Args:
        backbone: functional.
        points: all of its cut points; the last one is its output, which
            "all" names too.

    Returns:
        All others if they are few. Else those that end a block, which is
        what the layers `<block>_...` before it are part of; or, where blocks
        have no such names, those where branches join; or else some at equal
        distances.
    """
    points = points[:-1]
    if len(points) <= _MOST:
        return points
    for chosen in (_block_ends(backbone, points), _joins(backbone, points)):
        if 2 < len(chosen) <= 2 * _MOST:
            return chosen
    return points[:: math.ceil(len(points) / _MOST)]


def _block_ends(backbone: keras.Model, points: list[str]) -> list[str]:
    """Cut points that layers before them are named after."""
    blocks = block_of(backbone, points)
    names = list(blocks)
    return [
        point
        for point in points
        if blocks[point] == point
        and any(blocks[name] == point for name in names[: names.index(point)])
    ]


def _joins(backbone: keras.Model, points: list[str]) -> list[str]:
    return [
        point
        for point in points
        if isinstance(backbone.get_layer(point).input, list)
    ]
