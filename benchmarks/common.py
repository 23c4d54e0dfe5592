"""What every script uses: work, contestants, processes and turns."""

import contextlib
import dataclasses
import importlib
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

CPUS = 2
ROOT = pathlib.Path(__file__).parent.parent
STATUS = pathlib.Path("/proc/self/status")

OURS, KERAS = "ours", "Keras"
LOADER, SLICES = "PyTorch, DataLoader", "PyTorch, permuted slices"
PYTORCH, GENSIM = "PyTorch", "gensim, 1 thread"

PROCESSORS: dict[str, dict[str, str]] = {
    "default": {},
    "no_onednn": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    # for oneDNN in TensorFlow and PyTorch, PyTorch itself, MKL, XLA, OpenBLAS
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    },
}
"""Processors to play on: environment variables of all contestants."""


class Lazy:
    """A module that is imported when it is first used.

    So scripts show all contestants side by side, and the process of one
    imports no other's library.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)


keras, layers, tf = map(Lazy, ("keras", "keras.layers", "tensorflow"))
torch, nn = Lazy("torch"), Lazy("torch.nn")
ours = Lazy("benchmarks.ours")


@dataclasses.dataclass(frozen=True)
class Work:
    """What every contestant is given.

    Inputs are uint8 images, int32 tokens, or texts, among them paths of
    image files, of shape (examples, ...); labels int64. Trained on, they make
    whole batches, so nothing is dropped. The seed is of weights and order.
    """

    inputs: np.ndarray
    labels: np.ndarray
    epochs: int
    seed: int = 0
    batch_size: int = 64

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.labels.max()) + 1

    @property
    def vocabulary(self) -> int:
        """The number of ids, where inputs are tokens."""
        return int(self.inputs.max()) + 1


@dataclasses.dataclass
class Outcome:
    """What a contestant took and how it learned.

    Seconds and losses are of each epoch, a loss the mean over its batches:
    of pixels where images are only read, of the highest probability where
    classes are predicted; the limits of a processor have none. The total is
    from a model and data in memory to the end, with all that is traced,
    compiled or computed in advance.
    """

    seconds: list[float]
    losses: list[float]
    total: float
    parameters: int = 0


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of work, on some examples of a material of `data.prepare`.

    Attributes:
        title: what is done.
        material: of the examples.
        examples: how many.
        epochs: how many.
        contestants: who does it; the first are we.
        targets: contestant to the least ratio of its seconds to ours.
        counts: the seconds that count: of "later" epochs, the median, the
            first being a warm-up; of the "first" one; or of the "whole".
        sampled: epochs that rivals really do of whole work, where all after
            the first cost the same; 0: all.
        batch_size: examples a step.
    """

    title: str
    material: str
    examples: int
    epochs: int
    contestants: Mapping[str, Callable[[Work], Outcome]]
    targets: Mapping[str, float] = dataclasses.field(default_factory=dict)
    counts: str = "later"
    sampled: int = 0
    batch_size: int = 64

    def seconds(self, outcome: Outcome) -> float:
        """Returns the seconds of a turn that count."""
        later = median(outcome.seconds[1:])
        left = self.epochs - len(outcome.seconds)
        whole = outcome.total + later * left
        first = outcome.seconds[0]
        return {"later": later, "first": first, "whole": whole}[self.counts]


def timed(epochs: int, run_epoch: Callable[[], Any]) -> Outcome:
    """Returns what some epochs took, with the losses that they return."""
    seconds, losses = [], []
    for _ in range(epochs):
        start = time.perf_counter()
        losses.append(run_epoch())
        seconds.append(time.perf_counter() - start)
    losses = [loss for loss in losses if isinstance(loss, float)]
    return Outcome(seconds, losses, sum(seconds))


def is_installed(contestant: str) -> bool:
    """Returns whether the library of a contestant is there."""
    library = contestant.partition(",")[0].lower()
    needed = {"pytorch": "torch", "gensim": "gensim"}.get(library)
    return needed is None or importlib.util.find_spec(needed) is not None


def play(
    script: str, row: str, contestant: str, threads: int, **given: Any
) -> dict[str, Any]:
    """Lets a contestant do the work of a row of a script.

    Args:
        script: the module.
        row: its name there.
        contestant: its name there.
        threads: of PyTorch; 0: as the environment says.
        given: `path` of the examples, how many `examples`, `epochs` and
            `seed`.

    Returns:
        The `Outcome` as a dict.
    """
    played = importlib.import_module(f"benchmarks.{script}").ROWS[row]
    if threads:
        torch.set_num_threads(threads)
    with np.load(given["path"]) as data:
        arrays = [data[name][: given["examples"]] for name in DATA]
    work = Work(*arrays, given["epochs"], given["seed"], played.batch_size)
    return dataclasses.asdict(played.contestants[contestant](work))


DATA = ("inputs", "labels")
"""The arrays of a file of examples."""


def measure(
    script: str, name: str, path: str, processors: Sequence[str], repeats: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """Lets the installed contestants of a row take turns.

    PyTorch plays with 1 and with 2 threads, and the faster number counts.

    Args:
        script: the module of the row.
        name: of the row.
        path: of the examples.
        processors: names in PROCESSORS.
        repeats: turns of each contestant on each processor.

    Returns:
        Processor to contestant to "seconds", of each turn; "loss", the
        median of the second epoch's, or None; and "threads".
    """
    row = importlib.import_module(f"benchmarks.{script}").ROWS[name]
    turns: dict[tuple[str, str], dict[int, list]] = {}
    ways = [
        (processor, contestant, threads)
        for processor in processors
        for contestant in filter(is_installed, row.contestants)
        for threads in ((1, CPUS) if contestant.startswith(PYTORCH) else (0,))
    ]
    before = os.times()
    for seed in range(repeats):
        for processor, contestant, threads in ways:
            way = processor, contestant, threads
            taken = _turn(script, name, path, way, seed)
            every = turns.setdefault((processor, contestant), {})
            every.setdefault(threads, []).append(taken)
            shown = f"{processor}: {contestant} {threads or ''}"
            print(f"  {shown} {taken[0]:.3f} s", flush=True)
    used = np.subtract(os.times(), before)[2:4].sum()
    print(f"  {used:.0f} s of user and system in all", flush=True)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (processor, contestant), every in turns.items():
        found.setdefault(processor, {})[contestant] = _best(every)
    return found


def _turn(
    script: str, name: str, path: str, way: tuple[str, str, int], seed: int
) -> tuple[float, Any]:
    """The seconds that count and the second loss of a turn, in a process."""
    row = importlib.import_module(f"benchmarks.{script}").ROWS[name]
    processor, contestant, threads = way
    epochs = row.epochs
    if contestant != OURS and row.sampled:
        epochs = row.sampled
    given = {"path": path, "examples": row.examples, "seed": seed}
    called = script, name, contestant, threads
    played = call(
        *(PROCESSORS[processor], "common", "play", *called),
        **given,
        epochs=epochs,
    )
    outcome = Outcome(**played)
    return row.seconds(outcome), (outcome.losses or [0, None])[1]


def _best(turns: Mapping[int, list[tuple[float, Any]]]) -> dict[str, Any]:
    """The turns with the number of threads that had the fastest one."""
    threads = min(turns, key=lambda n: min(s for s, _ in turns[n]))
    seconds, losses = zip(*turns[threads], strict=True)
    loss = None if None in losses else median(losses)
    return {"seconds": list(seconds), "loss": loss, "threads": threads}


@contextlib.contextmanager
def peak_memory() -> Iterator[dict[str, float]]:
    """Yields a dict that gets the most MB that this process takes.

    "resident" is the kernel's maximum since it began (VmHWM), with pages of
    mapped files; "allocated" (RssAnon), without, is read 50 times a second.
    """
    peak, ended = {"allocated": 0.0}, threading.Event()

    def megabytes(name: str) -> float:
        found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
        return int(found[1]) * 1024 / 1e6 if found else 0.0

    def watch() -> None:
        while not ended.wait(0.02):
            peak["allocated"] = max(peak["allocated"], megabytes("RssAnon"))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    yield peak
    ended.set()
    watcher.join()
    peak["resident"] = megabytes("VmHWM")


def limit_threads() -> None:
    """Limits the processes that this one starts to 2 CPUs and 2 threads."""
    for name in ("OMP_NUM", "MKL_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
        os.environ[f"{name}_THREADS"] = str(CPUS)
    # other systems have no such function
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CPUS])


def call(
    environment: Mapping[str, str],
    module: str,
    function: str,
    *arguments: Any,
    **named: Any,
) -> Any:
    """Returns what a function returns, as JSON, in a process of its own.

    Args:
        environment: variables of that process beside those of this one.
        module: of the benchmarks.
        function: its name there.
        arguments: strings and numbers.
        named: more of these, by name.
    """
    given = [repr(argument) for argument in arguments]
    given += [f"{name}={argument!r}" for name, argument in named.items()]
    called = f"print(json.dumps({module}.{function}({', '.join(given)})))"
    code = f"import json; from benchmarks import {module}; {called}"
    printed = run([sys.executable, "-c", code], environment)
    return json.loads(printed.splitlines()[-1])


def run(command: Sequence[str], environment: Mapping[str, str] = {}) -> str:
    """Returns what a command prints; raises RuntimeError if it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-20:])
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{last}")
    return done.stdout


def link(paths: Iterable, labels: Iterable, folder: pathlib.Path) -> list[str]:
    """Returns links to files, in a folder of one folder a label."""
    links = []
    for index, (path, label) in enumerate(zip(paths, labels, strict=True)):
        target = folder / str(label) / f"{index}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to(path)
        links.append(str(target))
    return links
