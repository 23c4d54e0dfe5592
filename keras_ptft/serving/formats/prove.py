"""Compares formats with the SavedModel that they were made of."""

import importlib.metadata
import pathlib
import statistics
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_ptft.errors import UserError, on_one_line
from keras_ptft.serving.export import EXTRA
from keras_ptft.serving.formats import saved_model
from keras_ptft.serving.formats.format import SAVED_MODEL, Format, Run
from keras_ptft.serving.signatures.signature import Arrays
from keras_ptft.serving.signatures.text import stack_padded

TOLERANCE = 1e-4
"""How far an answer in float32 may be from the SavedModel's."""
# its logits may be far apart where a class is as good as certain
_COMPARED = "probabilities"
_CALLS, _ROUNDS = 20, 3
# what zlib calls the format of gzip
_GZIP = 31
_PART = 1 << 20

Score = Callable[[Arrays], Mapping[str, float]]
"""Answers to all examples → metrics, of which the first is what a format
may lose; of it more is better."""


def prove(
    folder: pathlib.Path,
    signature: str,
    formats: Mapping[str, tuple[Format, pathlib.Path]],
    batches: Iterable[Arrays],
    score: Score,
) -> dict[str, dict[str, Any]]:
    """Runs formats and the SavedModel on the same examples.

    Args:
        folder: of the version.
        signature: what was converted.
        formats: name to row and file.
        batches: inputs of the examples, at least one batch.
        score: judges the answers.

    Returns:
        Format to what was found of it, the SavedModel first: `file`,
        `runtime`, `bytes`, `gzip_bytes` (where zeros take no room),
        `latency_ms` (median at batch 1, in the fastest of a few rounds),
        `metrics`, what `score` found, and `largest_difference` from the
        SavedModel: of probabilities, where the model gives some, else
        |value - expected| / max(1, |expected|).

    Raises:
        UserError: a runtime cannot run its file, or answers otherwise than
            with arrays of these names and shapes.
    """
    runs = {SAVED_MODEL: saved_model.load(folder, signature)}
    table = {SAVED_MODEL: _of_saved_model(folder)}
    for name, (row, path) in formats.items():
        runs[name] = _checked(name, row.load)(path)
        table[name] = _of_file(folder, row, path)
    answers, example = _answers(runs, batches)
    for name, found in table.items():
        found["latency_ms"] = _latency(runs[name], example)
        found["metrics"] = dict(score(answers[name]))
        found["largest_difference"] = _difference(
            name, answers[name], answers[SAVED_MODEL]
        )
    return table


def _of_saved_model(folder: pathlib.Path) -> dict[str, Any]:
    version = importlib.metadata.version("tensorflow")
    return {
        "file": "saved_model.pb",
        "runtime": f"tensorflow {version}",
        **_sizes(saved_model.files(folder)),
    }


def _of_file(
    folder: pathlib.Path, row: Format, path: pathlib.Path
) -> dict[str, Any]:
    runtime = next(iter(row.packages.values()))
    return {
        "file": str(path.relative_to(folder / EXTRA)),
        "runtime": f"{runtime} {importlib.metadata.version(runtime)}",
        **_sizes([path.with_name(name) for name in row.files]),
    }


def _sizes(paths: Sequence[pathlib.Path]) -> dict[str, int]:
    """Bytes of files, as they are and as gzip packs them."""
    return {
        "bytes": sum(path.stat().st_size for path in paths),
        "gzip_bytes": sum(map(_packed_size, paths)),
    }


def _packed_size(path: pathlib.Path) -> int:
    packer, size = zlib.compressobj(wbits=_GZIP), 0
    with path.open("rb") as file:
        while part := file.read(_PART):
            size += len(packer.compress(part))
    return size + len(packer.flush())


def _answers(
    runs: Mapping[str, Run], batches: Iterable[Arrays]
) -> tuple[dict[str, Arrays], Arrays]:
    """The answers of each runtime, and the first example."""
    parts: dict[str, list[Arrays]] = {name: [] for name in runs}
    example: Arrays = {}
    for batch in batches:
        example = example or {name: rows[:1] for name, rows in batch.items()}
        for name, run in runs.items():
            parts[name].append(_checked(name, run)(batch))
    return {
        name: {
            key: stack_padded([part[key] for part in found]) for key in found[0]
        }
        for name, found in parts.items()
    }, example


def _latency(run: Run, example: Arrays) -> float:
    """Milliseconds of a call with one example."""
    run(example)
    medians = []
    for _ in range(_ROUNDS):
        times = []
        for _ in range(_CALLS):
            start = time.perf_counter()
            run(example)
            times.append(time.perf_counter() - start)
        medians.append(statistics.median(times))
    return 1e3 * min(medians)


def _difference(name: str, found: Arrays, expected: Arrays) -> float:
    shapes = {key: values.shape for key, values in found.items()}
    wanted = {key: values.shape for key, values in expected.items()}
    if shapes != wanted:
        raise UserError(
            f"{name} answers with {shapes}, expected {wanted}: nothing was "
            f"published; leave {name} out of --formats."
        )
    keys = [k for k, values in expected.items() if values.dtype.kind == "f"]
    keys = [_COMPARED] if _COMPARED in keys else keys
    # a NaN is the largest
    return float(np.max([_distance(found[k], expected[k]) for k in keys]))


def _distance(values: np.ndarray, expected: np.ndarray) -> float:
    relative = np.abs(values - expected) / np.maximum(1, np.abs(expected))
    return float(relative.max(initial=0.0))


def _checked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose errors are told in one line."""

    def call(*args: Any) -> Any:
        try:
            return function(*args)
        # runtimes raise nothing narrower
        except Exception as error:
            raise UserError(
                f"The model runs as a SavedModel, but not as {name}: "
                f"{on_one_line(error)[:200]}: nothing was published; leave "
                f"{name} out of --formats."
            ) from error

    return call
