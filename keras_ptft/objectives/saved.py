"""The objective of a model, written beside it and read back."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_ptft.data.core.info import WHITE, DataInfo
from keras_ptft.data.images.formats import GRAPH_FORMATS
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.errors import UserError
from keras_ptft.files import read_json, write_json
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.objectives.objective import Objective
from keras_ptft.registry import lookup

OBJECTIVE_FILE = "objective.json"
LABELS_FILE = "labels.json"

_VERSION = 1


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
    """Writes what a model is beside it: objective, labels and tokenizer.

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
        "background": list(info.background),
    }
    write_json(folder / OBJECTIVE_FILE, written)
    write_json(folder / LABELS_FILE, list(info.label_names))
    if info.tokenizer is not None:
        info.tokenizer.save(folder)


def read_objective(folder: str | os.PathLike) -> Objective:
    """Reads what `write_objective` wrote.

    A folder without objective.json, as beside a user's own `.keras` file, is
    of a classifier whose classes are named in labels.json.

    Raises:
        UserError: a file is missing or damaged.
    """
    path = pathlib.Path(folder, OBJECTIVE_FILE)
    found: dict[str, Any] = {
        "objective": "classification",
        "tagged": False,
        "text": False,
    }
    if path.exists():
        found = _checked(read_json(path), path)
    red, green, blue = found.get("background", WHITE)
    info = DataInfo(
        label_names=_label_names(path.with_name(LABELS_FILE)),
        tagged=found["tagged"],
        tokenizer=Tokenizer.load(folder) if found["text"] else None,
        columns=tuple(found.get("columns", ())),
        background=(red, green, blue),
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
    path = pathlib.Path(folder, OBJECTIVE_FILE)
    if not path.exists():
        return ()
    found = _checked(read_json(path), path)
    return () if found["text"] else tuple(found.get("columns", ()))


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


def _checked(found: Any, path: pathlib.Path) -> dict[str, Any]:
    kinds = {"version": int, "objective": str, "tagged": bool, "text": bool}
    if (
        not isinstance(found, dict)
        or any(type(found.get(key)) is not kind for key, kind in kinds.items())
        or not _are_columns(found.get("columns", []))
        or not _is_color(found.get("background", list(WHITE)))
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


def _are_columns(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(n, str) for n in found)


def _is_color(found: Any) -> bool:
    return (
        isinstance(found, list)
        and len(found) == len(WHITE)
        and all(type(part) is int and 0 <= part <= 255 for part in found)
    )
