"""How long the first answers of a model take, warmed up or not.

TensorFlow's C API answers, as in TensorFlow Serving, in a process that has
answered nothing yet. The warm-up is what an export brings along.
"""

import time
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.served import (
    MAIN,
    c_api,
    c_library,
    export_of,
    markdown,
    rows_of,
    warm_up,
)

STEPS = "load", "warm-up", "first", "second"
"""What is measured: loading the export, and then answers to one row."""


def measure(folder: str, warm: bool) -> dict[str, float]:
    """Returns the milliseconds of each step, in this process.

    Args:
        folder: of `served.prepare`.
        warm: whether it is warmed up.
    """
    library, rows = c_library(), rows_of(folder, "requests")[:1]
    requests = warm_up(folder) if warm else []
    marks = [time.perf_counter()]
    session = c_api.Session(library, export_of(folder))
    marks.append(time.perf_counter())
    for name, inputs in requests:
        session.run(name, inputs)
    marks.append(time.perf_counter())
    (given,) = session.signatures[MAIN].inputs
    for _ in range(2):
        session.run(MAIN, {given: rows})
        marks.append(time.perf_counter())
    return dict(zip(STEPS, (1e3 * np.diff(marks)).tolist(), strict=True))


def table(
    title: str, measured: Mapping[str, Sequence[Mapping[str, float]]]
) -> str:
    """Returns a Markdown table of the medians of some processes.

    Args:
        title: of what is served.
        measured: how it began → what `measure` returned, of each process.
    """
    rows = []
    for name, found in measured.items():
        medians = [np.median([each[step] for each in found]) for step in STEPS]
        rows.append([name, *(f"{value:.2f}" for value in medians)])
    return markdown(
        f"{title}: milliseconds in a new process, medians of "
        f"{min(map(len, measured.values()))}",
        ["C API", *STEPS],
        rows,
    )
