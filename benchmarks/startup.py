"""What a run spends outside training."""

import json
import pathlib
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping

from benchmarks.children import run
from benchmarks.tables import Told, markdown
from benchmarks.work import Watch

_HELP = 0.5
_PROGRAM = (sys.executable, "-m", "keras_ptft")
_TENSORFLOW = "import tensorflow, keras"
_STAGES = "import keras_ptft.stages"
_IMPORTS = f"""
import time
start = time.perf_counter()
{_TENSORFLOW}
middle = time.perf_counter()
{_STAGES}
print(middle - start, time.perf_counter() - middle)
"""
# as `result.json` names them
CLOCKED = ("data", "build", "features", "train", "save", "evaluate")
_WHAT = {
    "help": ("`keras-ptft --help`", "ours"),
    "tensorflow": (f"`{_TENSORFLOW}`", "TensorFlow's"),
    "stages": (f"`{_STAGES}` after it", "ours"),
    "all": ("a run of two stages, wall clock", ""),
    "data": ("- its data", "ours"),
    "build": ("- building its models", "Keras's"),
    "features": ("- features of the frozen part", "ours"),
    "tracing": ("- first epochs, beyond later ones", "TensorFlow's: tracing"),
    "epochs": ("- epochs", "training"),
    "outside": ("- training outside epochs", "ours: trial of XLA, checkpoints"),
    "save": ("- saving models", "Keras's"),
    "evaluate": ("- evaluation", "ours"),
    "rest": ("- the rest, but for imports", "ours: run folders, reports"),
}
_RECIPES = (
    "flags/pretrain_cnn_digits.flags",
    "flags/finetune_cnn_digits.flags",
)
_HEAD = ("what", "seconds", "whose", "target")
_TEXT = """\
Medians of {repeats} turns. The run is of two recipes on the bundled digits in
one process, pretraining and fine-tuning, without the comparison from scratch
and without an export.

"""


def section(folder: pathlib.Path, repeats: int) -> Told:
    """The section "Start-up" of the results.

    Args:
        folder: not heeded, as the digits are bundled.
        repeats: turns of each.
    """
    del folder
    turns = []
    for _ in range(repeats):
        turns.append(_imports() | _run())
        print(f"  startup: {turns[-1]['all']:.1f} s", flush=True)
    names = list(turns[0])
    medians = {n: statistics.median(turn[n] for turn in turns) for n in names}
    table = markdown(_HEAD, lines(medians))
    return Told("Start-up", _TEXT.format(repeats=repeats) + table)


def _imports() -> dict[str, float]:
    watch = Watch()
    run([*_PROGRAM, "--help"])
    seconds = {"help": watch.seconds()}
    said = run([sys.executable, "-c", _IMPORTS]).split()
    return seconds | {"tensorflow": float(said[0]), "stages": float(said[1])}


def _run() -> dict[str, float]:
    """Seconds of a run of two stages, and what they went to."""
    seconds = dict.fromkeys(("all", *CLOCKED, "epochs", "tracing"), 0.0)
    with tempfile.TemporaryDirectory() as folder:
        options = f"--runs_dir={folder}", "--export_to=", "--nocompare_scratch"
        watch = Watch()
        run([*_PROGRAM, "run", *_RECIPES, *options])
        seconds["all"] = watch.seconds()
        for path in pathlib.Path(folder).glob("*/result.json"):
            result = json.loads(path.read_text(encoding="utf-8"))
            for name, taken in result["seconds"].items():
                seconds[name] += taken
            epochs = [row["seconds"] for row in result["history"]]
            usual = statistics.median(epochs[1:])
            seconds["epochs"] += usual + sum(epochs[1:])
            seconds["tracing"] += epochs[0] - usual
    return seconds


def lines(seconds: Mapping[str, float]) -> Iterator[tuple[str, ...]]:
    """The cells of the table: what took how long, and whose it is.

    Args:
        seconds: of all that is timed, by the names of the rows, and of
            "train", which holds epochs and tracing.
    """
    outside = seconds["train"] - seconds["epochs"] - seconds["tracing"]
    timed = sum(seconds[name] for name in ("tensorflow", "stages", *CLOCKED))
    rest = {"outside": outside, "rest": seconds["all"] - timed}
    missed = "" if seconds["help"] < _HELP else ", missed"
    for name, (what, whose) in _WHAT.items():
        taken = rest[name] if name in rest else seconds[name]
        aim = f"< {_HELP}{missed}" if name == "help" else ""
        yield what, f"{taken:.2f}", whose, aim
