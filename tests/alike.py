"""What a training leaves, in a form in which two can be compared."""

import csv
import io
import json
import pathlib
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import tensorflow as tf

# how long it took, how often it was taken up again, and an address
TIMES = {"seconds", "steps", "resumed", "shared_object_id"}

# checkpoints before the last, where time decides when they are due, and
# what the next run with other features clears away
MAY_LACK = re.compile(r"checkpoints/step \d|/\.features/\.partial-")


def differences(expected: pathlib.Path, found: pathlib.Path) -> list[str]:
    """Names of what two trainings left that is not the same to the bit.

    Args:
        expected: the folder one of them ran in.
        found: that of the other.
    """
    one, other = dict(contents(expected)), dict(contents(found))
    both = one.keys() & other.keys()
    unlike = {name for name in both if one[name] != other[name]}
    alone = {n for n in one.keys() ^ other.keys() if not MAY_LACK.search(n)}
    return sorted(unlike | alone)


def contents(place: pathlib.Path) -> Iterator[tuple[str, Any]]:
    """Names and values of all that runs and exports in a folder hold."""
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        if path.is_dir() or name == "log.txt" or "tensorboard" in path.parts:
            continue
        if path.name.startswith("step-"):
            folder = str(path.parent.relative_to(place))
            # in the order of their steps: the last of them stays in the dict
            yield f"{folder} latest", path.name.split("-")[1]
            yield from checkpoint(path, folder)
        elif path.suffix == ".keras":
            yield from find_keras_file(path, name)
        elif path.suffix == ".index":
            yield from variables(path.with_suffix(""), name)
        elif path.suffix == ".json":
            yield name, timeless(json.loads(path.read_text("utf-8")))
        elif path.suffix == ".csv":
            rows = csv.DictReader(io.StringIO(path.read_text("utf-8")))
            yield name, timeless(list(rows))
        else:
            # of what is left, the names alone: reports tell the seconds
            yield name, path.suffix == ".flags" and path.read_text("utf-8")


def checkpoint(path: pathlib.Path, folder: str) -> Iterator[tuple[str, Any]]:
    """Every array of a checkpoint, and its facts."""
    name = f"{folder}/step {path.name.split('-')[1]}"
    with np.load(path) as archive:
        arrays = {key: archive[key] for key in archive.files}
    facts = timeless(json.loads(str(arrays.pop("facts"))))
    # the best of those that were due, which time may decide
    yield f"{name} facts", facts | {"best": None}
    for key, array in arrays.items():
        yield f"{name} {key}", bits(array)


def find_keras_file(path: pathlib.Path, name: str) -> Iterator[tuple[str, Any]]:
    """The architecture and every weight of a model."""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
        yield f"{name} config", timeless(config)
        content = io.BytesIO(archive.read("model.weights.h5"))
    found = {}
    with h5py.File(content) as file:
        file.visititems(
            lambda key, item: (
                found.update({key: item[()]})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    for key, array in found.items():
        yield f"{name} {key}", bits(array)


def variables(path: pathlib.Path, name: str) -> Iterator[tuple[str, Any]]:
    """Every weight of an export, not its seeds, which nothing uses."""
    reader = tf.train.load_checkpoint(str(path))
    for key, dtype in reader.get_variable_to_dtype_map().items():
        # the other names that variables have depend on addresses
        if dtype.is_floating and not key.startswith("_all_variables"):
            yield f"{name} {key}", bits(reader.get_tensor(key))


def bits(array: np.ndarray) -> tuple:
    """An array's dtype, shape and bytes."""
    array = np.asarray(array)
    return str(array.dtype), array.shape, array.tobytes()


def timeless(value: Any) -> Any:
    """JSON without what differs from one process to the next."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k not in TIMES}
        return {key: timeless(item) for key, item in kept.items()}
    return [timeless(v) for v in value] if isinstance(value, list) else value
