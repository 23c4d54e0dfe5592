"""The objective of a model, written beside it and read back."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from keras_ptft.data.core.info import (
    STRETCH,
    WHITE,
    DataInfo,
    ImageForm,
    InputSpec,
)
from keras_ptft.data.core.targets import NO_TARGET, Target
from keras_ptft.data.images.formats import GRAPH_FORMATS
from keras_ptft.data.images.resize import cut_of
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.errors import UserError
from keras_ptft.files import read_json, write_json
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.objectives.objective import Objective
from keras_ptft.registry import lookup

OBJECTIVE_FILE = "objective.json"
LABELS_FILE = "labels.json"
THRESHOLDS_FILE = "thresholds.json"
TEMPERATURE_FILE = "temperature.json"

NO_TEMPERATURE = DataInfo().temperature
"""Divides logits by 1: they are left as they are."""

_VERSION = 1


def objective_type(setting: str) -> type[Objective]:
    """Returns what is known of an objective before any data are.

    Args:
        setting: an entry of OBJECTIVES with its settings.

    Raises:
        UserError: no such objective or setting.

    Example:

    >>> objective_type("next_token").causal
    True
    """
    return OBJECTIVES[lookup(OBJECTIVES, setting, "objective").name]


def needs_labels(setting: str) -> bool:
    """Returns whether an objective with these settings learns labels.

    Args:
        setting: an entry of OBJECTIVES with its settings.

    Raises:
        UserError: no such objective or setting.

    Example:

    >>> needs_labels("distillation"), needs_labels("distillation(alpha=1.0)")
    (True, False)
    """
    given = lookup(OBJECTIVES, setting, "objective").kwargs
    kind = objective_type(setting)
    free = [given.get(name) == x for name, x in kind.label_free.items()]
    return kind.needs_labels and not (free and all(free))


def make_objective(setting: str, info: DataInfo) -> Objective:
    """Makes an objective by the text that names it.

    Args:
        setting: an entry of OBJECTIVES with its settings.
        info: what is known of the data.

    Raises:
        UserError: no such objective or setting, or it does not suit the data.

    Example:

    >>> info = DataInfo(label_names=("cat", "dog"))
    >>> make_objective("classification(label_smoothing=0.1)", info).servable
    True
    """
    return lookup(OBJECTIVES, setting, "objective")(info)


def write_objective(
    folder: str | os.PathLike, setting: str, info: DataInfo
) -> None:
    """Writes what a model is beside it: objective, labels and the like.

    These are also the tokenizer of texts, the thresholds of sets, and the
    temperature of calibrated probabilities.

    Args:
        folder: a run folder, or `assets.extra` of an export.
        setting: an entry of OBJECTIVES with its settings.
        info: what is known of the data.
    """
    folder = pathlib.Path(folder)
    written = {
        "version": _VERSION,
        "objective": setting,
        "tagged": info.tagged,
        "text": info.is_text,
        "inputs": _described(info),
        "columns": list(info.columns),
        "background": list(info.image_form.background),
        "resize": info.image_form.resize,
    }
    if info.target != NO_TARGET:
        written["target"] = dataclasses.asdict(info.target)
    write_json(folder / OBJECTIVE_FILE, written)
    write_json(folder / LABELS_FILE, list(info.label_names))
    if info.thresholds:
        named = zip(info.label_names, info.thresholds, strict=True)
        write_thresholds(folder, dict(named))
    if info.temperature != NO_TEMPERATURE:
        write_temperature(folder, info.temperature)
    if info.tokenizer is not None:
        info.tokenizer.save(folder)


def write_temperature(folder: str | os.PathLike, temperature: float) -> None:
    """Writes what logits are divided by before they become probabilities.

    Args:
        folder: a run folder, or `assets.extra` of an export.
        temperature: more than 0.
    """
    path = pathlib.Path(folder, TEMPERATURE_FILE)
    write_json(path, {"temperature": temperature})


def write_thresholds(
    folder: str | os.PathLike, thresholds: Mapping[str, float]
) -> None:
    """Writes from which probability each label is given.

    Args:
        folder: a run folder, or `assets.extra` of an export.
        thresholds: by label.
    """
    write_json(pathlib.Path(folder, THRESHOLDS_FILE), dict(thresholds))


def read_objective(folder: str | os.PathLike) -> Objective:
    """Reads what `write_objective` wrote.

    A folder without objective.json, as beside a user's own `.keras` file, is
    of a classifier whose classes are named in labels.json.

    Raises:
        UserError: a file is missing or damaged.
    """
    path = pathlib.Path(folder, OBJECTIVE_FILE)
    found = {
        "objective": "classification",
        "tagged": False,
        "text": False,
        **_read(folder),
    }
    red, green, blue = found.get("background", WHITE)
    names = _label_names(path.with_name(LABELS_FILE))
    info = DataInfo(
        _specs(found.get("inputs", {})),
        label_names=names,
        tagged=found["tagged"],
        tokenizer=Tokenizer.load(folder) if found["text"] else None,
        columns=tuple(found.get("columns", ())),
        image_form=ImageForm((red, green, blue), _resize_of(found)),
        label_kind=objective_type(found["objective"]).label_kind,
        target=Target(**found["target"]) if "target" in found else NO_TARGET,
        thresholds=_thresholds(path.with_name(THRESHOLDS_FILE), names),
        temperature=_temperature(path.with_name(TEMPERATURE_FILE)),
    )
    return make_objective(found["objective"], info)


def read_columns(folder: str | os.PathLike) -> tuple[str, ...]:
    """Reads the columns of numbers that a model was trained on.

    Args:
        folder: of the model.

    Returns:
        Their names in order; none for other models, of texts too: a text is
        one wherever it stands.

    Raises:
        UserError: objective.json is damaged.
    """
    found = _read(folder)
    return () if found.get("text") else tuple(found.get("columns", ()))


def read_resize(folder: str | os.PathLike) -> str:
    """Reads how images became the squares that a model was trained on.

    Args:
        folder: of the model.

    Returns:
        An entry of `images.resize.RESIZES`; of models of other inputs, one
        that means nothing.

    Raises:
        UserError: objective.json is damaged.
    """
    return _resize_of(_read(folder))


def _read(folder: str | os.PathLike) -> dict[str, Any]:
    """What objective.json holds; nothing where there is none."""
    path = pathlib.Path(folder, OBJECTIVE_FILE)
    return _checked(read_json(path), path) if path.exists() else {}


def _resize_of(found: Mapping[str, Any]) -> str:
    # files of earlier versions do not say it
    return found.get("resize", STRETCH)


def _described(info: DataInfo) -> dict[str, Any]:
    """What an example of each input looks like, for people and programs."""
    if info.spec is None:
        return {}
    given = info.spec
    specs = given if isinstance(given, Mapping) else {given.name: given}
    described: dict[str, Any] = {
        name: {"shape": list(spec.shape), "dtype": spec.dtype.name}
        for name, spec in specs.items()
    }
    if "image" in described:
        # other formats are converted by whoever sends a request
        described["image"]["files"] = GRAPH_FORMATS
    return described


def _specs(described: Mapping[str, Any]) -> InputSpec | None:
    """What `_described` gave; None where nothing was."""
    specs = {
        name: tf.TensorSpec(part["shape"], part["dtype"], name)
        for name, part in described.items()
    }
    return next(iter(specs.values())) if len(specs) == 1 else specs or None


def _checked(found: Any, path: pathlib.Path) -> dict[str, Any]:
    kinds = {"version": int, "objective": str, "tagged": bool, "text": bool}
    if (
        not isinstance(found, dict)
        or any(type(found.get(key)) is not kind for key, kind in kinds.items())
        or not _are_columns(found.get("columns", []))
        or not _is_color(found.get("background", list(WHITE)))
        or not _is_resize(_resize_of(found))
        or not _are_inputs(found.get("inputs", {}))
        or not _is_target(found.get("target", dataclasses.asdict(NO_TARGET)))
    ):
        raise UserError(
            f"{path} must hold {', '.join(kinds)} as keras-ptft wrote them, "
            "but one is missing or was changed: run the stage again."
        )
    if found["version"] > _VERSION:
        raise UserError(
            f"{path} must be of version {_VERSION} or less, got "
            f"{found['version']}: use the keras-ptft that wrote it."
        )
    return found


def _label_names(path: pathlib.Path) -> tuple[str, ...]:
    names = read_json(path)
    if not isinstance(names, list) or not all(
        isinstance(name, str) for name in names
    ):
        raise UserError(
            f"{path} must hold a list of label names: restore the file that "
            "was written with the model."
        )
    return tuple(names)


def _thresholds(
    path: pathlib.Path, names: tuple[str, ...]
) -> tuple[float, ...]:
    """The threshold of each label; none where they were not chosen."""
    if not path.exists():
        return ()
    found = read_json(path)
    if (
        not isinstance(found, dict)
        or set(found) != set(names)
        or not all(_is_probability(value) for value in found.values())
    ):
        raise UserError(
            f"{path} must hold a number from 0 to 1 for each of "
            f"{', '.join(names)}: correct it, or remove it for 0.5 each."
        )
    return tuple(float(found[name]) for name in names)


def _temperature(path: pathlib.Path) -> float:
    """The temperature of probabilities; 1 where none was fitted."""
    if not path.exists():
        return NO_TEMPERATURE
    found = read_json(path)
    value: Any = found.get("temperature") if isinstance(found, dict) else None
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise UserError(
            f"{path} must hold a temperature above 0, got {found}: correct "
            "it, or remove it for probabilities as they were trained."
        )
    return float(value)


def _is_probability(found: Any) -> bool:
    return type(found) in (int, float) and 0 <= found <= 1


def _is_target(found: Any) -> bool:
    kinds = {"name": str, "mean": float, "std": float}
    return (
        isinstance(found, dict)
        and set(found) == set(kinds)
        and all(type(found[name]) is kind for name, kind in kinds.items())
        and found["std"] > 0
    )


def _are_columns(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(n, str) for n in found)


def _are_inputs(found: Any) -> bool:
    return isinstance(found, dict) and all(map(_is_input, found.values()))


def _is_input(found: Any) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("shape"), list):
        return False
    sides = (side for side in found["shape"] if side is not None)
    if any(type(side) is not int or side < 0 for side in sides):
        return False
    try:
        tf.as_dtype(found.get("dtype"))
    except TypeError:
        return False
    return True


def _is_color(found: Any) -> bool:
    return (
        isinstance(found, list)
        and len(found) == len(WHITE)
        and all(type(part) is int and 0 <= part <= 255 for part in found)
    )


def _is_resize(found: Any) -> bool:
    if not isinstance(found, str):
        return False
    try:
        cut_of(found)
    except UserError:
        return False
    return True
