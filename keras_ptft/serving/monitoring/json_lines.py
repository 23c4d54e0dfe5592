"""Logs of the bodies of REST requests, one a line.

TensorFlow Serving documents the bodies:
https://www.tensorflow.org/tfx/serving/api_rest
"""

import itertools
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from keras_ptft.serving.monitoring.requests import (
    ONE_INPUT,
    Malformed,
    Request,
    is_base64,
)

_DEFAULT = "serving_default"
_KEYS = ("instances", "inputs")
# lines by which a file is recognised, of which some may be broken
_LOOKED_AT = 20


def is_request_log(path: pathlib.Path) -> bool:
    """Returns whether one of the first lines of a file is a request.

    Args:
        path: any file.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            lines = list(itertools.islice(file, _LOOKED_AT))
    except OSError:
        return False
    return any(not isinstance(_request(line, 0), Malformed) for line in lines)


def logged_lines(path: pathlib.Path) -> Iterator[Request | Malformed]:
    """Reads the requests of a log; blank lines are none.

    Args:
        path: a file in UTF-8.

    Yields:
        Each request, or what a line is instead.
    """
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _request(line, number)


def _request(line: str, number: int) -> Request | Malformed:
    place = f"line {number}"
    try:
        body = json.loads(line)
    # nested too deeply is a RecursionError
    except (ValueError, RecursionError):
        return Malformed(place, "it is no JSON")
    if not isinstance(body, dict) or sum(key in body for key in _KEYS) != 1:
        return Malformed(place, "it has not one of instances and inputs")
    signature = body.get("signature_name") or _DEFAULT
    if not isinstance(signature, str):
        return Malformed(place, "its signature_name is no text")
    if "inputs" in body:
        return Request(place, signature, _named(body["inputs"]))
    columns = _columns(body["instances"])
    if columns is None:
        return Malformed(place, "its instances are no list of the same inputs")
    return Request(place, signature, columns)


def _named(inputs: Any) -> dict[str, Any]:
    """Inputs in the column format."""
    if isinstance(inputs, dict) and not is_base64(inputs):
        return inputs
    return {ONE_INPUT: inputs}


def _columns(instances: Any) -> dict[str, list[Any]] | None:
    """Inputs in the row format; None where rows differ."""
    if not isinstance(instances, list) or not instances:
        return None
    rows = [_named(instance) for instance in instances]
    if any(set(row) != set(rows[0]) for row in rows):
        return None
    return {name: [row[name] for row in rows] for name in rows[0]}
