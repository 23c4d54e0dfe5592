"""What was measured, kept for each machine, and written as `results.md`."""

import importlib.metadata
import json
import os
import pathlib
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks import common
from benchmarks.common import OURS, Row

Results = Mapping[str, Any]
"""Of one machine: its "machine", "rows", "sections" and "notes"."""

START_UP = {
    "help": ("`keras-ptft --help`", "ours", "< 0.5"),
    "tensorflow": ("`import tensorflow, keras`", "TensorFlow's", ""),
    "imports": ("`keras_ptft.pretrain` after it", "ours", ""),
    "all": ("a run of two stages, wall clock", "", ""),
    "data": ("- its data", "ours", ""),
    "build": ("- building its models", "Keras's", ""),
    "features": ("- features of the frozen part", "ours", ""),
    "tracing": ("- first epochs, beyond later ones", "TensorFlow's", ""),
    "epochs": ("- epochs", "training", ""),
    "outside": ("- training outside epochs", "ours: XLA, checkpoints", ""),
    "save": ("- saving models", "Keras's", ""),
    "evaluate": ("- evaluation", "ours", ""),
    "rest": ("- the rest, but for imports", "ours: folders, reports", ""),
}
# losses of contestants that learn alike differ by less from their median
_TOLERANCE = 0.10
_PACKAGES = ("tensorflow", "keras", "torch", "gensim", "numpy", "pillow")
_TEMPLATE = pathlib.Path(__file__).with_name("template.md")


def machine(cpuinfo: str | None = None) -> dict[str, str]:
    """Returns processor, system and versions; nothing names the machine.

    Args:
        cpuinfo: the content of /proc/cpuinfo; None: this machine's.
    """
    path = pathlib.Path("/proc/cpuinfo")
    if cpuinfo is None:
        cpuinfo = path.read_text("utf-8") if path.exists() else ""
    known = dict(re.findall(r"^(.*?)\s*: (.*)$", cpuinfo, re.MULTILINE))
    name = known.get("model name") or platform.processor() or "unknown"
    flags = re.findall(r"\b(?:avx|fma)\S*", known.get("flags", ""))
    avx2, avx512 = ("yes" if f in flags else "no" for f in ("avx2", "avx512f"))
    found = importlib.metadata.distributions()
    versions = {each.name.lower(): each.version for each in found}
    wanted = (f"{p} {versions.get(p, 'not installed')}" for p in _PACKAGES)
    return {
        "processor": f"{name}, {known.get('cpu cores', 'unknown')} cores, "
        f"{os.cpu_count()} CPUs, {common.CPUS} used",
        "instructions": f"AVX2 {avx2}, AVX-512 {avx512}: {' '.join(flags)}",
        "system": f"{platform.system()} {platform.machine()}",
        "versions": ", ".join([f"Python {platform.python_version()}", *wanted]),
    }


def name_of(facts: Mapping[str, str]) -> str:
    """Returns what a kind of machine is called, as amd_epyc_avx512_2.

    Args:
        facts: as `machine` returns them.
    """
    model, _, cpus = facts["processor"].split(", ")[:3]
    model = re.sub(r"\(\w+\)|\bCPU\b|@.*|\d+-Core.*", " ", model)
    has = facts["instructions"]
    best = "avx512" if "AVX-512 yes" in has else "avx2"
    best = best if "yes" in has else platform.machine()
    words = f"{model} {best} {cpus.split()[0]}".lower()
    return re.sub(r"\W+", "_", words).strip("_")


def keep(folder: pathlib.Path, measured: Results) -> None:
    """Adds what was measured on a machine to the file of its kind.

    What was measured with other versions, or of the same row on the same
    processor, is replaced.

    Args:
        folder: of a file for each kind of machine.
        measured: on this one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name_of(measured['machine'])}.json"
    kept: dict[str, Any] = dict(measured)
    if path.exists():
        before = json.loads(path.read_text("utf-8"))
        if before["machine"] == measured["machine"]:
            for part in ("sections", "notes"):
                kept[part] = {**before[part], **measured[part]}
            rows = {**before["rows"]}
            for name, found in measured["rows"].items():
                rows[name] = {**rows.get(name, {}), **found}
            kept["rows"] = rows
    text = json.dumps(kept, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def read(folder: pathlib.Path) -> dict[str, Results]:
    """Returns what was measured on each kind of machine, by its name."""
    paths = sorted(folder.glob("*.json"))
    return {path.stem: json.loads(path.read_text("utf-8")) for path in paths}


def document(rows: Mapping[str, Row], machines: Mapping[str, Results]) -> str:
    """Returns `results.md`: the template with what was measured.

    Args:
        rows: of all scripts, by name.
        machines: as `read` returns them.
    """
    every = machines.items()
    return _TEMPLATE.read_text("utf-8").format(
        cpus=common.CPUS,
        ratios=_table(_ratios(rows, machines)),
        seconds=_table(line for m, r in every for line in _seconds(rows, m, r)),
        checkpoints=_table(line for m, r in every for line in _saved(m, r)),
        growth=_table(line for m, r in every for line in _grown(m, r)),
        startup=_table(_started(machines)),
        data=_listed(every, "notes"),
        machines=_listed(every, "machine"),
    )


def _table(lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _listed(every: Iterable[tuple[str, Results]], part: str) -> str:
    return "\n\n".join(
        f"{machine}:\n\n"
        + "\n".join(f"- {name}: {fact}" for name, fact in found[part].items())
        for machine, found in every
    )


def _ratios(
    rows: Mapping[str, Row], machines: Mapping[str, Results]
) -> Iterator[list[str]]:
    """A column for each machine and processor setting."""
    columns = [
        (machine, processor)
        for machine, results in machines.items()
        for processor in common.PROCESSORS
        if any(processor in found for found in results["rows"].values())
    ]
    titles = [f"{machine}, {processor}" for machine, processor in columns]
    yield ["work", "contestant", "target", *titles]
    yield ["---"] * (3 + len(columns))
    for name, row in rows.items():
        every = [
            machines[machine]["rows"].get(name, {}).get(processor, {})
            for machine, processor in columns
        ]
        if not any(every):
            continue
        title = row.title + ", whole" * (row.counts == "whole")
        for rival in [c for c in row.contestants if c != OURS]:
            aim = row.targets.get(rival)
            shown = [_ratio(found, rival, aim) for found in every]
            yield [title, rival, f"≥ {aim:g}" if aim else "", *shown]
            title = ""


def _ratio(found: Mapping[str, Any], rival: str, aim: float | None) -> str:
    """The ratio of the fastest turns on one machine and setting."""
    if rival not in found or OURS not in found:
        return "not measured"
    if _differ(found):
        return "DOES NOT COUNT, losses differ"
    ratio = min(found[rival]["seconds"]) / min(found[OURS]["seconds"])
    return f"{ratio:.2f}" + ", missed" * bool(aim and ratio < aim)


def _differ(found: Mapping[str, Any]) -> bool:
    losses = [one["loss"] for one in found.values() if one["loss"] is not None]
    middle = median(losses) if losses else 0.0
    return any(abs(loss - middle) > _TOLERANCE * middle for loss in losses)


def _seconds(
    rows: Mapping[str, Row], machine: str, results: Results
) -> Iterator[list[str]]:
    """A line for each contestant of a row on each processor."""
    for name, row in rows.items():
        measured = results["rows"].get(name, {})
        for processor in filter(measured.get, common.PROCESSORS):
            found = measured[processor]
            title = f"{row.title}, {row.examples:,} examples"
            title += ", whole" * (row.counts == "whole")
            for contestant in row.contestants:
                cells = ["not installed", "", "", "", "", ""]
                if contestant in found:
                    cells = _turns(found[contestant])
                yield [title, f"{machine}, {processor}", contestant, *cells]
                title = ""


def _turns(found: Mapping[str, Any]) -> list[str]:
    seconds, loss = found["seconds"], found["loss"]
    three = min(seconds), median(seconds), max(seconds)
    return [
        *(f"{each:.3g}" for each in three),
        str(len(seconds)),
        str(found["threads"] or common.CPUS),
        "" if loss is None else f"{loss:.4g}",
    ]


def _saved(machine: str, results: Results) -> Iterator[list[str]]:
    if not (found := results["sections"].get("checkpoints")):
        return
    fraction = found["saving"] / found["never"]
    shown = [f"{found[key]:.3g}" for key in ("never", "each", "saving")]
    target = "< 3%" + ", missed" * (fraction >= 0.03)
    examples = f"{found['examples']:,}"
    yield [machine, examples, *shown, f"{fraction:.2%}", target]


def _grown(machine: str, results: Results) -> Iterator[list[str]]:
    for title, sizes in results["sections"].get("growth", {}).items():
        none = sizes["0"]
        for count, grown in sorted(sizes.items(), key=lambda s: int(s[0])):
            first, each = [title, machine, f"{int(count):,}"], ["", "", ""]
            memory = [grown[k] for k in ("resident", "allocated")]
            if int(count):
                taken = (grown[k] / int(count) for k in ("ahead", "epoch"))
                each = [f"{grown['data']:,.0f}"]
                each += [f"{seconds * 1e6:,.1f}" for seconds in taken]
                memory = [grown[k] - none[k] for k in ("resident", "allocated")]
            yield [
                *first,
                *each,
                *(f"{megabytes:,.0f}" for megabytes in memory),
            ]


def _started(machines: Mapping[str, Results]) -> Iterator[list[str]]:
    found = {
        machine: results["sections"]["startup"]
        for machine, results in machines.items()
        if "startup" in results["sections"]
    }
    yield ["what", "whose", "target", *found]
    yield ["---"] * (3 + len(found))
    for name, (what, whose, target) in START_UP.items():
        taken = [seconds.get(name, 0.0) for seconds in found.values()]
        missed = [bool(target) and each >= 0.5 for each in taken]
        cells = [
            f"{each:.2f}" + ", missed" * late
            for each, late in zip(taken, missed, strict=True)
        ]
        yield [what, whose, target, *cells]
