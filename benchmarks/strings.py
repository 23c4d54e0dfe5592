"""Where the time goes between strings and answers.

TensorFlow's C API runs the same export from strings to answers, from ids to
answers, and from strings to ids.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.served import (
    BATCHES,
    MAIN,
    c_session,
    markdown,
    milliseconds,
    rows_of,
)

WAYS = {
    MAIN: ("requests", "strings to answers"),
    "tokens": ("inputs", "ids to answers"),
    "tokenizer": ("requests", "strings to ids"),
}
"""Signature to the rows that it takes, and its title."""


def measure(folder: str, calls: int) -> dict[str, list[list[float]]]:
    """Runs each signature, in this process.

    Args:
        folder: of `served.prepare`, with texts.
        calls: most calls of each batch size, for at most 5 s.

    Returns:
        Signature to the milliseconds of the median call, and those that all
        processors were busy in a mean call, of each batch size.
    """
    session = c_session(folder)
    found: dict[str, list[list[float]]] = {}
    for name, (rows_name, _) in WAYS.items():
        rows = rows_of(folder, rows_name)
        (given,) = session.signatures[name].inputs
        found[name] = [
            _taken(partial(session.run, name, {given: rows[:count]}), calls)
            for count in BATCHES
        ]
    return found


def _taken(answer: Any, calls: int) -> list[float]:
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1
        answer()

    start = time.process_time()
    median = float(np.median(milliseconds(count, calls)))
    busy = time.process_time() - start
    return [median, 1e3 * busy / counted]


def table(title: str, measured: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Returns a Markdown table.

    Args:
        title: of what is served.
        measured: what `measure` returned.
    """
    rows = (
        [WAYS[name][1], *(f"{wall:.2f} / {busy:.2f}" for wall, busy in found)]
        for name, found in measured.items()
    )
    return markdown(
        f"{title}: milliseconds in the C API, median / of all processors",
        ["rows a request", *map(str, BATCHES)],
        rows,
    )
