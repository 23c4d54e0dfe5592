"""Compares everything that two trainings leave, to the bit."""

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

# durations, how often it was resumed, and a memory address
TIMES = {"seconds", "steps", "resumed", "shared_object_id"}

# earlier checkpoints, which may be due by time, and partial features, which
# a later run removes
MAY_LACK = re.compile(r"checkpoints/step \d|/\.features/\.partial-")


def differences(expected: pathlib.Path, found: pathlib.Path) -> list[str]:
    """Returns the names of values that differ between two trainings.

    Args:
        expected: the folder that one of them ran in.
        found: the folder of the other.
    """
    one, other = dict(contents(expected)), dict(contents(found))
    both = one.keys() & other.keys()
    unlike = {name for name in both if one[name] != other[name]}
    alone = {n for n in one.keys() ^ other.keys() if not MAY_LACK.search(n)}
    return sorted(unlike | alone)


def contents(root: pathlib.Path) -> Iterator[tuple[str, Any]]:
    """Yields name and value of everything in runs and exports."""
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_dir() or "tensorboard" in path.parts:
            continue
        if path.name.startswith("step-"):
            folder = str(path.parent.relative_to(root))
            # in the order of their steps: the last one stays in the dict
            yield f"{folder} latest", path.name.split("-")[1]
            yield from checkpoint(path, folder)
        elif path.suffix == ".keras":
            yield from keras_file(path, name)
        elif path.suffix == ".index":
            yield from variables(path.with_suffix(""), name)
        elif path.suffix == ".json":
            yield name, timeless(json.loads(path.read_text("utf-8")))
        elif path.name == "predictions.npz":
            with np.load(path) as archive:
                for key in archive.files:
                    yield f"{name} {key}", bits(archive[key])
        elif path.suffix == ".csv":
            rows = csv.DictReader(io.StringIO(path.read_text("utf-8")))
            yield name, timeless(list(rows))
        else:
            # of other files only the names: reports contain durations
            yield name, path.suffix == ".flags" and path.read_text("utf-8")


def checkpoint(path: pathlib.Path, folder: str) -> Iterator[tuple[str, Any]]:
    """Yields every array of a checkpoint, and its facts."""
    name = f"{folder}/step {path.name.split('-')[1]}"
    with np.load(path) as archive:
        arrays = {key: archive[key] for key in archive.files}
    facts = timeless(json.loads(str(arrays.pop("facts"))))
    # the best of the saved ones, which may have been due by time
    yield f"{name} facts", facts | {"best": None}
    for key, array in arrays.items():
        yield f"{name} {key}", bits(array)


def keras_file(path: pathlib.Path, name: str) -> Iterator[tuple[str, Any]]:
    """Yields the architecture and every weight of a model."""
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
    """Yields every weight of an export, not its seeds, which are unused."""
    reader = tf.train.load_checkpoint(str(path))
    for key, dtype in reader.get_variable_to_dtype_map().items():
        # other names of variables contain memory addresses
        if dtype.is_floating and not key.startswith("_all_variables"):
            yield f"{name} {key}", bits(reader.get_tensor(key))


def bits(array: np.ndarray) -> tuple:
    """Returns an array's dtype, shape and bytes."""
    array = np.asarray(array)
    return str(array.dtype), array.shape, array.tobytes()


def timeless(value: Any) -> Any:
    """Returns JSON without what differs between processes."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k not in TIMES}
        return {key: timeless(item) for key, item in kept.items()}
    return [timeless(v) for v in value] if isinstance(value, list) else value
