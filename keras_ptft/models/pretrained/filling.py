"""Tensors of another program into the layers of a backbone, all or none."""

import dataclasses
from collections.abc import Callable, Collection, Mapping

import keras
import ml_dtypes
import numpy as np

from keras_ptft.errors import UserError

NOT_FINITE = "with NaN or infinity among its numbers"
_SHOWN = 5


def _unchanged(tensor: np.ndarray) -> np.ndarray:
    return tensor


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a tensor belongs.

    Attributes:
        layer: of the backbone.
        weight: of the layer, as Keras calls it below the layer: "kernel", or
            "query/kernel" of a layer within.
        convert: tensor → what the weight holds, where their shapes differ.
    """

    layer: str
    weight: str
    convert: Callable[[np.ndarray], np.ndarray] = _unchanged


def fill(
    backbone: keras.Model,
    tensors: Mapping[str, np.ndarray],
    names: Mapping[str, Target],
    *,
    origin: str,
    unused: Collection[str] = (),
) -> None:
    """Sets every weight of a backbone, in place.

    Args:
        backbone: functional.
        tensors: by the names of the program that wrote them.
        names: of each tensor that is used, where it belongs; every weight of
            the backbone is in it once.
        origin: where the tensors come from, for people.
        unused: names of tensors that may be there and have no place in the
            backbone, such as those of a classifier.

    Raises:
        UserError: a tensor is missing or left over, or is of another shape,
            or holds other things than finite floating point numbers. No
            weight is changed then.

    Example:

    >>> backbone = keras.Sequential([keras.Input((2,))])
    >>> backbone.add(keras.layers.Dense(1, use_bias=False, name="dense"))
    >>> names = {"w": Target("dense", "kernel", np.transpose)}
    >>> fill(backbone, {"w": np.ones((1, 2))}, names, origin="x.safetensors")
    >>> backbone.get_layer("dense").kernel.numpy().tolist()
    [[1.0], [1.0]]
    """
    weights = weights_by_name(backbone)
    places = {name: (t.layer, t.weight) for name, t in names.items()}
    if sorted(places.values()) != sorted(weights):
        raise LookupError("the name map does not name every weight once")
    missing = [name for name in names if name not in tensors]
    left_over = [n for n in tensors if n not in names and n not in unused]
    refuse(missing, left_over, _misfits(weights, tensors, names), origin)
    for name, target in names.items():
        value = target.convert(tensors[name]).astype(np.float32)
        weights[places[name]].assign(value)


def weights_by_name(
    backbone: keras.Model,
) -> dict[tuple[str, str], keras.Variable]:
    """Returns the weights of a model by their layer's name and their own."""
    return {
        (layer.name, weight.path.rpartition(f"{layer.name}/")[2]): weight
        for layer in backbone.layers
        for weight in layer.weights
    }


def refuse(
    missing: list[str], left_over: list[str], misfits: list[str], origin: str
) -> None:
    """Raises a UserError that lists tensors, if any.

    Args:
        missing: names of tensors that the model has and the file has not.
        left_over: names that the file has and the model has not.
        misfits: names of other tensors that do not fit, with the reason.
        origin: where the tensors come from.
    """
    kinds = {"missing": missing, "left over": left_over, "unfit": misfits}
    faults = [
        f"{len(names)} {kind} ({_listed(names)})"
        for kind, names in kinds.items()
        if names
    ]
    if faults:
        raise UserError(
            f"The weights of {origin} are not those of this model: of its "
            f"tensors, {'; '.join(faults)}: give the file of this model."
        )


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    text = ", ".join(name[:200] for name in names[:_SHOWN])
    return f"{text} and {more} more" if more > 0 else text


def _misfits(
    weights: Mapping[tuple[str, str], keras.Variable],
    tensors: Mapping[str, np.ndarray],
    names: Mapping[str, Target],
) -> list[str]:
    found = []
    for name, target in names.items():
        if name in tensors:
            weight = weights[target.layer, target.weight]
            if fault := _misfit(tensors[name], target, weight):
                found.append(f"{name} {fault}")
    return found


def _misfit(tensor: np.ndarray, target: Target, weight: keras.Variable) -> str:
    """Why a tensor does not fit, or nothing."""
    if tensor.dtype.kind != "f" and tensor.dtype != ml_dtypes.bfloat16:
        return f"of {tensor.dtype}, in place of floating point numbers"
    try:
        value = target.convert(tensor)
    except ValueError:
        # it has not the axes that are moved or joined
        return f"of shape {tensor.shape}"
    if value.shape != tuple(weight.shape):
        shape = tuple(weight.shape)
        return f"of shape {value.shape} here, in place of {shape}"
    return "" if is_finite(value) else NOT_FINITE


def is_finite(value: np.ndarray) -> bool:
    """Whether there is no NaN and no infinity, also as float32."""
    with np.errstate(over="ignore"):
        return bool(np.isfinite(value.astype(np.float32)).all())
