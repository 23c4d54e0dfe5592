"""What it costs to train a model from each of its cut points on."""

import dataclasses
import math
from collections.abc import Iterable

import keras
import tensorflow as tf

from keras_ptft.models.costs import multiply_adds
from keras_ptft.transfer.blocks import block_of
from keras_ptft.transfer.cut import part_before

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
        cached_bytes: of the features of one example; None where they are not
            cached, since they differ in length.

    Example:

    >>> CutCost("conv1", 100, 900, 20, 10, 64).uncached_step
    50
    """

    name: str
    frozen_parameters: int
    trained_parameters: int
    frozen: int
    trained: int
    cached_bytes: int | None

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
    costs = [CutCost("none", 0, parameters, 0, total, 0)]
    for point in points:
        prefix = part_before(backbone, point)
        within = prefix.count_params()
        frozen = sum(counted[o.name] for o in prefix.operations)
        rest = parameters - within, frozen, total - frozen
        costs.append(CutCost(point, within, *rest, _bytes(prefix)))
    every = parameters, 0, total, 0, _bytes(backbone)
    return [*costs, CutCost("all", *every)]


def _bytes(prefix: keras.Model) -> int | None:
    """What a prefix gives for one example, as the feature cache stores it."""
    if any(None in tensor.shape[1:] for tensor in prefix.outputs):
        return None
    return sum(
        math.prod(tensor.shape[1:]) * tf.as_dtype(tensor.dtype).size
        for tensor in prefix.outputs
    )


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
