"""What it costs to save a training at the end of each epoch."""

import pathlib
import statistics

from benchmarks.children import call
from benchmarks.tables import Told, markdown

_EXAMPLES = 59_968
_MOST = 0.03
_HEAD = (
    *("work", "seconds an epoch, never saved", "saved each epoch"),
    *("seconds of saving", "share", "target"),
)
_TEXT = """\
Medians of {repeats} turns each. A saving takes less than epochs differ by, so
its seconds are counted inside: those of the callback that saves, from copying
the variables to the file on the disk, flushed, and what it looks at after each
call of the training step. The share is of an epoch that is never saved.

"""


def section(folder: pathlib.Path, repeats: int) -> Told:
    """The section "Checkpoints" of the results.

    Args:
        folder: holds the data.
        repeats: turns of each.
    """
    source = str(folder / "images.npz")
    taken = {"never": [], "epoch": []}
    for seed in range(repeats):
        for every, turns in taken.items():
            turns.append(call("saving", "save", every, source, _EXAMPLES, seed))
            print(f"  checkpoints: {every} {turns[-1]}", flush=True)
    medians = [
        statistics.median(turn[name] for turn in taken[every])
        for every, name in (
            ("never", "epoch"),
            ("epoch", "epoch"),
            ("epoch", "saving"),
        )
    ]
    text = _TEXT.format(repeats=repeats) + markdown(_HEAD, [line(*medians)])
    return Told("Checkpoints", text)


def line(never: float, each: float, saving: float) -> list[str]:
    """The cells of the table.

    Args:
        never: seconds of an epoch that is not saved.
        each: of one that is, without the saving.
        saving: of the saving.
    """
    missed = "" if saving < _MOST * never else ", missed"
    seconds = [f"{taken:.3g}" for taken in (never, each, saving)]
    title = f"CNN 32-64-64, Adam, {_EXAMPLES:,} examples"
    return [
        *(title, *seconds, f"{saving / never:.2%}"),
        f"< {_MOST:.0%}{missed}",
    ]
