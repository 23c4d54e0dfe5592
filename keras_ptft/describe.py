"""The rows of every table, and what each can be told."""

import inspect
from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

from keras_ptft.data import DATASETS
from keras_ptft.data.augment import AUGMENTATIONS
from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES
from keras_ptft.models.normalization import NORMALIZATIONS
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.registry import nearest, settings
from keras_ptft.training.optimizers import OPTIMIZERS, SCHEDULES
from keras_ptft.transfer.cut import cut_points

TABLES = {
    "dataset": DATASETS,
    "augment": AUGMENTATIONS,
    "backbone": BACKBONES,
    "normalization": NORMALIZATIONS,
    "objective": OBJECTIVES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}
_IMAGE = tf.TensorSpec((224, 224, 3), tf.uint8, "image")


def tables() -> str:
    """Every row of every table with its first line of help."""
    return "\n\n".join(
        f"--{setting}\n"
        + "\n".join(f"  {n:14} {_summary(f)}" for n, f in table.items())
        for setting, table in TABLES.items()
    )


def row(name: str) -> str:
    """All there is to know of the rows called `name`.

    Raises:
        UserError: no table has such a row.
    """
    found = [(s, t[name]) for s, t in TABLES.items() if name in t]
    if not found:
        names = sorted({n for table in TABLES.values() for n in table})
        raise UserError(
            f"Nothing is called {name!r}{nearest(name, names)}; "
            f"there are: {', '.join(names)}."
        )
    return "\n\n".join(_row(s, name, function) for s, function in found)


def _row(setting: str, name: str, function: Callable) -> str:
    values = ", ".join(map(_setting, settings(function).values()))
    lines = [f"--{setting}={name}({values})", "", _help(function)]
    if setting == "backbone":
        backbone = function(_IMAGE, (np.zeros(3), np.ones(3)))
        points = ", ".join(cut_points(backbone))
        lines += ["", f"Cut points for --freeze: all, none, {points}"]
    return "\n".join(lines)


def _setting(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return parameter.name
    return f"{parameter.name}={parameter.default!r}"


def _help(function: Callable) -> str:
    if isinstance(function, partial):
        function = function.func
    return inspect.getdoc(function) or ""


def _summary(function: Callable) -> str:
    return _help(function).partition("\n")[0]
