"""Documents every table: its entries and their settings."""

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data import DATASETS
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.text.tokenizers import TOKENIZERS
from keras_ptft.errors import UserError
from keras_ptft.experiment.results import describe_result
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.normalization import NORMALIZATIONS
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.registry import nearest, settings
from keras_ptft.training.optimizers import OPTIMIZERS, SCHEDULES
from keras_ptft.transfer.cut import cut_points

TABLES: dict[str, Mapping[str, Callable[..., Any]]] = {
    "dataset": DATASETS,
    "augment": AUGMENTATIONS,
    "tokenizer": TOKENIZERS,
    "backbone": BACKBONES,
    "normalization": NORMALIZATIONS,
    "objective": OBJECTIVES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}
_IMAGE = BackboneInput(
    tf.TensorSpec((224, 224, 3), tf.uint8, "image"),
    scaling=(np.zeros(3), np.ones(3)),
)
_TEXT = BackboneInput(
    tf.TensorSpec((None,), tf.int32, "tokens"), vocabulary_size=1000
)
_SECTION = re.compile(r"^(Args|Returns|Raises|Example):$", re.MULTILINE)
_WIDTH = 80


def tables() -> str:
    """Returns every entry of every table with its first line of help."""
    listed = "\n".join(map(_table, TABLES))
    return (
        f"{listed}\nMore of one: keras-ptft describe NAME\n"
        "The fields of result.json: keras-ptft describe result"
    )


def row(name: str) -> str:
    """Documents the entries, or the table, called `name`.

    Args:
        name: of an entry or a table; "result" is `result.json`.

    Raises:
        UserError: there is none.
    """
    if name == "result":
        return describe_result()
    found = [_table(name)] if name in TABLES else []
    found += [_row(s, name, t[name]) for s, t in TABLES.items() if name in t]
    if not found:
        names = sorted({n for table in TABLES.values() for n in table})
        raise UserError(
            f"Nothing is called {name!r}{nearest(name, names)}; "
            f"there are: {', '.join(names)}."
        )
    return "\n".join(found).rstrip("\n")


def _table(setting: str) -> str:
    rows = TABLES[setting].items()
    lines = (f"  {name:15} {_summary(row)}" for name, row in rows)
    return "\n".join([f"--{setting}=", *lines, ""])


def _summary(function: Callable) -> str:
    if isinstance(function, partial):
        values = ", ".join(f"{k}={v!r}" for k, v in function.keywords.items())
        return f"The same as {function.func.__name__}({values})."
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _row(setting: str, name: str, function: Callable) -> str:
    told = function.func if isinstance(function, partial) else function
    text = inspect.getdoc(told) or ""
    intro, *sections = _SECTION.split(text)
    helps = _arguments(dict(zip(*[iter(sections)] * 2, strict=True)))
    lines = [f"--{setting}={name}", "", intro.strip(), ""]
    if told is not function:
        lines += [_summary(function), ""]
    parameters = settings(function).values()
    if parameters:
        lines += ["Settings", *(_entry(p, helps) for p in parameters), ""]
    if setting == "backbone":
        lines += [_cut_points(function), ""]
    return "\n".join(lines)


def _arguments(sections: dict[str, str]) -> dict[str, str]:
    """The text of each argument in the Args section of a docstring."""
    entries = re.split(r"^    (\w+): ", sections.get("Args", ""), flags=re.M)
    pairs = zip(entries[1::2], entries[2::2], strict=True)
    return {name: " ".join(text.split()) for name, text in pairs}


def _entry(parameter: inspect.Parameter, helps: dict[str, str]) -> str:
    value = ""
    if parameter.default is not inspect.Parameter.empty:
        value = f"={parameter.default!r}"
    head = f"  {parameter.name}{value}"
    text = helps.get(parameter.name, "")
    lines = textwrap.wrap(text, _WIDTH - 28) or [""]
    if len(head) > 26:
        lines.insert(0, "")
    lines = [f"{head:28}{lines[0]}", *(" " * 28 + line for line in lines[1:])]
    return "\n".join(line.rstrip() for line in lines)


def _cut_points(function: Callable[..., keras.Model]) -> str:
    try:
        backbone = function(_IMAGE)
    except UserError:
        # it reads texts alone
        backbone = function(_TEXT)
    points = ", ".join(["all", "none", *cut_points(backbone)])
    wrapped = textwrap.fill(
        points, _WIDTH, initial_indent="  ", subsequent_indent="  "
    )
    return f"Cut points for --freeze, with these settings\n{wrapped}"
