"""The table of work, the turns its contestants take, and what is written."""

import dataclasses
import importlib.metadata
import importlib.util
import math
import os
import pathlib
import platform
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from benchmarks import common
from benchmarks.common import Outcome, call

OURS, XLA, KERAS = "ours", "ours with XLA", "Keras"
LOADER, SLICES = "PyTorch, DataLoader", "PyTorch, permuted slices"
GENSIM = "gensim, 1 thread"
PRODUCTS, CONVOLUTIONS = "matrix products alone", "convolutions alone"

# the module, the package it needs, and options of its functions
CONTESTANTS: dict[str, tuple[str, str, dict[str, str]]] = {
    OURS: ("ours", "keras", {}),
    XLA: ("ours", "keras", {"jit_compile": "true"}),
    KERAS: ("plain_keras", "keras", {}),
    LOADER: ("pytorch", "torch", {"loop": "loader"}),
    SLICES: ("pytorch", "torch", {"loop": "slices"}),
    GENSIM: ("others", "gensim", {}),
    PRODUCTS: ("others", "numpy", {}),
    CONVOLUTIONS: ("others", "tensorflow", {}),
}
# losses of contestants that learn alike differ by less from their median
_TOLERANCE = 0.10
_PACKAGES = ("tensorflow", "keras", "torch", "gensim", "numpy", "pillow")
_TEMPLATE = pathlib.Path(__file__).with_name("template.md")
_SAVED = 59_968
# the kind in `ours.grow`, its title, the material, and how many of it
_GROWTH = (
    ("arrays", "arrays in memory, MLP", "images", 59_968),
    ("files", "JPEG folder, decoded at each step, CNN", "paths", 512),
    ("decoded", "JPEG files of TFDS, decoded once, CNN", "paths", 512),
    ("features", "cached features, MLP on top", "images", 12_800),
)
Result = dict[str, tuple[float, float | None]]
"""The seconds and the loss, if any, of each contestant of a row."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of work, on some examples of a material of `prepare`."""

    title: str
    material: str
    examples: int
    epochs: int
    # whose seconds are compared with ours, and the target of theirs / ours
    rivals: Mapping[str, float | None]
    # our contestants: the faster one counts
    ours: tuple[str, ...] = (OURS,)
    # count everything from the first call on, instead of the median of the
    # epochs after the first, which is a warm-up
    whole: bool = False
    # epochs that rivals really do, where all after the first cost the same
    sampled: int = 0


ROWS = {
    "mlp": Row(
        *("MLP 784-128-64-10, SGD momentum 0.9", "images", 59_968, 4),
        {LOADER: 2.0, SLICES: 1.4, KERAS: 2.0, PRODUCTS: 0.5},
    ),
    "cnn": Row(
        *("CNN 32-64-64, Adam", "images", 12_800, 2),
        {LOADER: 2.0, SLICES: 2.0, KERAS: 1.4, CONVOLUTIONS: None},
    ),
    "frozen": Row(
        "the same CNN, convolutions frozen, 10 epochs",
        *("images", 59_968, 10),
        {LOADER: 15.0, SLICES: 15.0, KERAS: 5.0},
        whole=True,
        sampled=2,
    ),
    "mobilenet": Row(
        *("MobileNetV2 at 96×96, frozen, 10 epochs", "photos", 512, 10),
        {KERAS: 8.0},
        whole=True,
    ),
    "folder": Row(
        *("JPEG folder to batches of 96×96", "paths", 512, 4),
        {LOADER: 1.5, KERAS: None},
    ),
    "transformer": Row(
        "Transformer encoder, 2 layers of 128, length 64, Adam",
        *("tokens", 1_024, 3),
        {SLICES: 1.0, KERAS: None},
        ours=(OURS, XLA),
    ),
    "word2vec": Row(
        "skip-gram with 5 negatives, window 5, width 100, length 64",
        *("words", 3_200, 5),
        {GENSIM: None},
        ours=(OURS, XLA),
    ),
}


def measure(name: str, folder: pathlib.Path, repeats: int) -> Result:
    """Lets the installed contestants of a row take turns, with data in folder.

    Returns:
        The fastest turn of each, and the median of its second epoch's loss.
    """
    row, turns = ROWS[name], {}
    for seed in range(repeats):
        for contestant in (*row.ours, *row.rivals):
            if not importlib.util.find_spec(CONTESTANTS[contestant][1]):
                continue
            path = str(folder / f"{row.material}.npz")
            sampled = contestant in row.rivals and row.sampled
            size = row.examples, sampled or row.epochs
            played = call("table", "play", name, contestant, path, *size, seed)
            seconds = counted(outcome := Outcome(**played), row)
            loss = (outcome.losses or [None, None])[1]
            turns.setdefault(contestant, []).append((seconds, loss))
            print(f"  {name}: {contestant} {seconds:.3f} s", flush=True)
    result = {}
    for contestant, taken in turns.items():
        seconds, losses = zip(*taken, strict=True)
        loss = None if None in losses else median(losses)
        result[contestant] = min(seconds), loss
    return result


def play(
    name: str, contestant: str, path: str, examples: int, epochs: int, seed: int
) -> dict[str, Any]:
    """Lets a contestant do a row's work; returns its `Outcome` as a dict."""
    module, _, options = CONTESTANTS[contestant]
    work = common.Work(*common.read(path, examples), epochs, seed)
    contest = getattr(importlib.import_module(f"benchmarks.{module}"), name)
    return dataclasses.asdict(contest(work, **options))


def counted(outcome: Outcome, row: Row) -> float:
    """Returns the seconds of a turn that count."""
    later = median(outcome.seconds[1:])
    if not row.whole:
        return later
    return outcome.total + later * (row.epochs - len(outcome.seconds))


def written(results: Mapping[str, Result]) -> str:
    """Returns the lines of the rows that were measured, by their names."""
    return "\n".join(
        _line(*cells)
        for name, result in results.items()
        for cells in _cells(ROWS[name], result)
    )


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row, result: Result) -> Iterator[list[str]]:
    title = f"{row.title}, {row.examples:,} examples{', whole' * row.whole}"
    losses = [loss for _, loss in result.values() if loss is not None]
    middle = median(losses)
    if max(abs(loss - middle) for loss in losses) > _TOLERANCE * middle:
        title += ": DOES NOT COUNT, losses differ"
    ours = sorted(row.ours, key=result.__getitem__)
    for contestant in (*ours, *row.rivals):
        cells = [title, contestant, "not installed", "", "", ""]
        title = ""
        if contestant in result:
            seconds, loss = result[contestant]
            cells[2] = f"{seconds:.3g}"
            cells[5] = "" if loss is None else f"{loss:.4g}"
            if contestant in row.rivals:
                ratio = seconds / result[ours[0]][0]
                cells[3], aim = f"{ratio:.2f}", row.rivals[contestant]
                missed = ", missed" * bool(aim and ratio < aim)
                cells[4] = f"≥ {aim:g}{missed}" if aim else ""
        yield cells


def checkpoints(folder: pathlib.Path, repeats: int) -> dict[str, Any]:
    """Returns what saving after each epoch costs, for the template."""
    path, turns = str(folder / "images.npz"), {"never": [], "epoch": []}
    for seed in range(repeats):
        for every, taken in turns.items():
            taken.append(call("ours", "save", every, path, _SAVED, seed))
            print(f"  checkpoints: {every} {taken[-1]}", flush=True)
    never, each = (min(t["epoch"] for t in taken) for taken in turns.values())
    saving = min(turn["saving"] for turn in turns["epoch"])
    found = {"never": never, "each": each, "saving": saving}
    missed = ", missed" * (saving >= 0.03 * never)
    return found | {"fraction": saving / never, "missed": missed}


def growth(folder: pathlib.Path, repeats: int) -> dict[str, Any]:
    """Returns time and memory as the data grow, for the template.

    Kinds without data are left out; each size is measured once.
    """
    del repeats
    lines, memory = [], ("resident", "allocated")
    for kind, title, material, examples in _GROWTH:
        path = folder / f"{material}.npz"
        # other systems do not report the memory of a process
        if not path.exists() or not common.STATUS.exists():
            continue
        none = call("ours", "grow", kind, str(path), examples, 0)
        taken = (f"{none[name]:,.0f}" for name in memory)
        lines.append(_line(title, "0", "", "", "", *taken))
        for times in (1, 4, 16):
            grown = call("ours", "grow", kind, str(path), examples, times)
            count = times * examples
            each = (grown[name] / count * 1e6 for name in ("ahead", "epoch"))
            cells = [f"{count:,}", f"{grown['data']:,.0f}"]
            cells += [f"{microseconds:,.1f}" for microseconds in each]
            cells += [f"{grown[name] - none[name]:,.0f}" for name in memory]
            lines.append(_line("", *cells))
            print(f"  growth: {kind} {lines[-1]}", flush=True)
    return {"lines": "\n".join(lines)}


def start_up(folder: pathlib.Path, repeats: int) -> dict[str, Any]:
    """Returns what a run spends outside training, for the template."""
    del folder
    turns = []
    for _ in range(repeats):
        turns.append(call("ours", "start_up"))
        print(f"  startup: {turns[-1]['all']:.1f} s", flush=True)
    taken = min(turns, key=lambda turn: turn["all"])
    return taken | {"missed": ", missed" * (taken["help"] >= 0.5)}


def document(
    values: Mapping[str, Any], notes: Mapping[str, str], repeats: int
) -> str:
    """Returns `results.md`: the template with what was measured.

    Values are those that the functions above return, by the names in the
    template; notes what the data were, by the title of the row or section.
    """
    path = pathlib.Path("/proc/cpuinfo")
    facts = machine(path.read_text("utf-8") if path.exists() else "")
    nothing = defaultdict(lambda: math.nan)
    return _TEMPLATE.read_text("utf-8").format(
        **dict.fromkeys(("checkpoints", "growth", "startup"), nothing) | values,
        data="\n".join(f"- {title}: {note}" for title, note in notes.items()),
        machine="\n".join(f"- {name}: {fact}" for name, fact in facts.items()),
        repeats=repeats,
        cpus=common.CPUS,
        batch_size=common.BATCH_SIZE,
    )


def machine(cpuinfo: str) -> dict[str, str]:
    """Returns processor, system and versions; nothing names the machine."""
    known = dict(re.findall(r"^(.*?)\s*: (.*)$", cpuinfo, re.MULTILINE))
    name = known.get("model name", platform.processor())
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
