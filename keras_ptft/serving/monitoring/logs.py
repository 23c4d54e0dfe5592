"""Logs of requests, recognised by their content, in batches for a model."""

import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from keras_ptft.data.images.formats import IMAGES
from keras_ptft.errors import UserError
from keras_ptft.serving.inputs.arrays import Inputs
from keras_ptft.serving.inputs.texts import ENDINGS, STDIN
from keras_ptft.serving.monitoring.account import Account
from keras_ptft.serving.monitoring.json_lines import (
    is_request_log,
    logged_lines,
)
from keras_ptft.serving.monitoring.records import (
    is_record_log,
    logged_records,
)
from keras_ptft.serving.monitoring.requests import Malformed, Request
from keras_ptft.serving.monitoring.takers import Arrays, Take

Read = Callable[[pathlib.Path], Iterator[Request | Malformed]]

FORMS: Sequence[tuple[Callable[[pathlib.Path], bool], Read]] = (
    (is_record_log, logged_records),
    (is_request_log, logged_lines),
)
"""What recognises a log by its content, and what reads it."""

_BATCH = 256
# what `predict` reads, beside images
_FILES = (".npy", ".npz", *ENDINGS)


def check_logs(logs: Sequence[str | os.PathLike]) -> None:
    """Raises a UserError unless there are logs, and each exists.

    Args:
        logs: files and folders; "-" is the standard input.
    """
    if not logs:
        raise UserError("Expected a log of requests to monitor, got none.")
    for log in logs:
        if os.fspath(log) != STDIN and not os.path.exists(log):
            raise UserError(f"No such log: {log}; check the path.")


def request_batches(
    path: pathlib.Path, takers: Mapping[str, Take], account: Account
) -> Iterator[Inputs] | None:
    """Reads the requests of a log in batches.

    Args:
        path: the log.
        takers: of each signature whose requests are measured.
        account: is told what is left out.

    Returns:
        Inputs of the model, of 256 examples or a few more; None where
        the file is no log of requests but one that `predict` reads.

    Raises:
        UserError: it is neither.
    """
    suffix = path.suffix.lower()
    if not path.is_file() or suffix in IMAGES:
        return None
    read = next((read for is_form, read in FORMS if is_form(path)), None)
    if read is None and suffix in _FILES:
        return None
    if read is None:
        raise UserError(
            f"Cannot read {path}: expected a TFRecord of PredictionLog, lines "
            "of JSON with instances or inputs, or what predict takes: convert "
            "it."
        )
    return packed(_taken(path, read, takers, account))


def packed(requests: Iterable[Arrays], most: int = _BATCH) -> Iterator[Inputs]:
    """Joins the inputs of small requests to batches.

    Args:
        requests: arrays by input name.
        most: examples from which a batch is full.

    Example:

    >>> rows = ({"x": np.full((1, 2), n)} for n in range(3))
    >>> [batch.tolist() for batch in packed(rows, 2)]
    [[[0, 0], [1, 1]], [[2, 2]]]
    """
    waiting: list[Arrays] = []
    count = 0
    for arrays in requests:
        # images of another size are of another batch
        if waiting and _forms(arrays) != _forms(waiting[0]):
            yield _joined(waiting)
            waiting, count = [], 0
        waiting.append(arrays)
        count += len(next(iter(arrays.values())))
        if count >= most:
            yield _joined(waiting)
            waiting, count = [], 0
    if waiting:
        yield _joined(waiting)


def _forms(arrays: Arrays) -> list[tuple[int, ...]]:
    return [array.shape[1:] for array in arrays.values()]


def _joined(waiting: Sequence[Arrays]) -> Inputs:
    found = {
        name: np.concatenate([arrays[name] for arrays in waiting])
        for name in waiting[0]
    }
    return found if len(found) > 1 else found.popitem()[1]


def _taken(
    path: pathlib.Path,
    read: Read,
    takers: Mapping[str, Take],
    account: Account,
) -> Iterator[Arrays]:
    """Inputs of each request that can be measured."""
    for request in read(path):
        place = f"{path}, {request.place}"
        if isinstance(request, Malformed):
            account.add_malformed(place, request.reason)
        elif request.signature not in takers:
            account.elsewhere[request.signature] += 1
        else:
            try:
                taken = takers[request.signature](request)
            except ValueError as error:
                account.add_malformed(place, str(error))
            else:
                yield taken
