"""Logs of requests, recognised by their content, in batches for a model."""

import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.images.formats import IMAGES
from keras_ptft.data.images.resize import decode_image
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
from keras_ptft.serving.monitoring.requests import (
    Malformed,
    Request,
    fitting_inputs,
)
from keras_ptft.serving.monitoring.watched import DEFAULT, Watched
from keras_ptft.serving.signatures.arrays import accepts_encoded_images

Arrays = dict[str, np.ndarray]
Read = Callable[[pathlib.Path], Iterator[Request | Malformed]]
Take = Callable[[Request], Arrays]
"""A request to one signature → inputs of `serving_default`."""

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
    for log in map(os.fspath, logs):
        if log != STDIN and not os.path.exists(log):
            raise UserError(f"No such log: {log}; check the path.")


def request_batches(
    path: pathlib.Path, watched: Watched, account: Account
) -> Iterator[Inputs] | None:
    """Reads the requests of a log in batches.

    Args:
        path: the log.
        watched: the model, which says what `serving_default` takes.
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
    takers = _takers(watched)
    return packed(_taken(path, read, takers, account))


def packed(
    requests: Iterable[Arrays], most: int = _BATCH
) -> Iterator[Inputs]:
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
    names = list(waiting[0])
    found = {n: np.concatenate([arrays[n] for arrays in waiting]) for n in names}
    return found if len(found) > 1 else found[names[0]]


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


def _takers(watched: Watched) -> dict[str, Take]:
    """What takes the requests to each signature that is measured."""
    takers: dict[str, Take] = {
        DEFAULT: partial(fitting_inputs, specs=watched.answers.inputs)
    }
    (name, spec), *others = watched.answers.inputs.items()
    if not others and accepts_encoded_images(spec):
        takers["encoded_images"] = _decoder(name, spec, watched.info)
    return takers


def _decoder(name: str, spec: tf.TensorSpec, info: DataInfo) -> Take:
    """What decodes images as the export does."""
    _, side, _, channels = spec.shape
    decode = tf.function(
        lambda file: decode_image(file, side, channels, info.image_form),
        input_signature=[tf.TensorSpec((), tf.string)],
        autograph=False,
    )

    def decoded(request: Request) -> Arrays:
        if len(request.inputs) != 1:
            raise ValueError("expected the bytes of images alone")
        bytes_of = dict.fromkeys(
            request.inputs, tf.TensorSpec((None,), tf.string)
        )
        (files,) = fitting_inputs(request, bytes_of).values()
        try:
            return {name: np.stack([decode(file).numpy() for file in files])}
        except tf.errors.OpError:
            raise ValueError("an image cannot be decoded") from None

    return decoded
