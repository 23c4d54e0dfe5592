"""The table of a benchmark, and the machine it ran on."""

import importlib.metadata
import os
import pathlib
import platform
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.measure import Result
from benchmarks.rows import LIMITS, ROWS, Row
from benchmarks.tables import Told
from benchmarks.work import BATCH_SIZE, CPUS

_HEAD = (
    "| work | contestant | seconds | theirs / ours | target | loss |\n"
    "|---|---|---|---|---|---|"
)
_PROFILE = pathlib.Path(__file__).with_name("profile.md")
_PACKAGES = ("tensorflow", "keras", "torch", "numpy", "pillow")
_TEXT = f"""\
# Results

`make bench` wrote this. Seconds are medians of {{repeats}} turns; the
contestants of a row take turns, each in a process of its own, with {CPUS} CPUs,
{CPUS} threads, batch {BATCH_SIZE} and float32. Seconds are of an epoch, after
a first one to warm up; in rows marked "whole" they are of the work from the
first call on, with tracing, compilation and the features of the frozen part.
In the row of frozen convolutions rivals, to whom every epoch costs the same,
do 2 of the 10 epochs, and the second counts for the rest.
The loss is the mean over the second epoch's training batches (the mean pixel
where nothing is trained; of word vectors, nats a pair at the end): a row in
which one lies over 10 % from the median does not count. What each contestant
does stands in `ours.py`, `plain_keras.py`, `pytorch.py` and `gensim_words.py`;
the limits, which train nothing, stand in `limit.py` and `convolutions.py`.

{{table}}

{{sections}}
## Data

{{data}}

## Machine

{{machine}}
"""


def table(results: Mapping[str, Result]) -> str:
    """A Markdown table of rows that were measured."""
    lines = (
        line
        for name, result in results.items()
        for line in _lines(ROWS[name], result)
    )
    return "\n".join([_HEAD, *lines])


def document(
    results: Mapping[str, Result],
    notes: Mapping[str, str],
    sections: Sequence[Told],
    repeats: int,
) -> str:
    """The whole of `results.md`.

    Args:
        results: by the name of the row.
        notes: by the title of the row or section, what its data was or why
            it was left out.
        sections: what else was measured.
        repeats: turns of each contestant.
    """
    data = "\n".join(f"- {title}: {note}" for title, note in notes.items())
    facts = "\n".join(f"- {key}: {value}" for key, value in machine().items())
    profile = Told("Where the time goes", _PROFILE.read_text(encoding="utf-8"))
    return _TEXT.format(
        repeats=repeats,
        table=table(results),
        sections="\n".join(map(str, (profile, *sections))),
        data=data,
        machine=facts,
    )


def machine() -> dict[str, str]:
    """Processor, system and versions; nothing that names the machine."""
    versions = []
    for name in _PACKAGES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed"
        versions.append(f"{name} {version}")
    return {
        "processor": f"{_processor()}, {os.cpu_count()} CPUs, {CPUS} used",
        "system": f"{platform.system()} {platform.machine()}",
        "versions": ", ".join(
            [f"Python {platform.python_version()}", *versions]
        ),
    }


def _processor() -> str:
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    names = (line for line in text.splitlines() if "model name" in line)
    return next(names, platform.machine()).split(":")[-1].strip()


def _lines(row: Row, result: Result) -> Iterator[str]:
    ours = result.ours(row)
    title = f"{row.title}, {row.examples:,} examples"
    title += ", whole" if row.whole else ""
    title += "" if result.learned_alike else ": DOES NOT COUNT, losses differ"
    for variant in sorted(row.variants, key=lambda name: name != ours):
        if variant in result.seconds:
            yield _line(title, variant, result)
            title = ""
    for rival, aim in row.rivals.items():
        if rival in result.seconds:
            ratio = result.ratio(row, rival)
            yield _line("", rival, result, *_verdict(ratio, aim))
        else:
            yield f"| | {rival} | not installed | | | |"


def _verdict(ratio: float, aim: float | None) -> tuple[str, str]:
    if aim is None:
        return f"{ratio:.2f}", ""
    missed = "" if ratio >= aim else ", missed"
    return f"{ratio:.2f}", f"≥ {aim:g}{missed}"


def _line(
    title: str,
    contestant: str,
    result: Result,
    ratio: str = "",
    target: str = "",
) -> str:
    loss = "" if contestant in LIMITS else f"{result.losses[contestant]:.4g}"
    seconds = f"{result.seconds[contestant]:.3g}"
    cells = (title, contestant, seconds, ratio, target, loss)
    return "| " + " | ".join(cells) + " |"
