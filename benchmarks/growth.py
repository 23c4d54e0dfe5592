"""Seconds and memory as the data grow."""

import os
import pathlib
from collections.abc import Mapping

from benchmarks.children import call
from benchmarks.memory import Memory
from benchmarks.tables import Told, markdown

TIMES = (1, 4, 16)
# the kind in `growing`, its title, the material, and how many of it
_KINDS = (
    ("arrays", "arrays in memory, MLP", "images", 59_968),
    ("files", "JPEG folder, decoded at each step, CNN", "paths", 512),
    ("decoded", "JPEG files of TFDS, decoded once, CNN", "paths", 512),
    ("features", "cached features, MLP on top", "images", 12_800),
)
_HEAD = (
    *("data", "examples", "MB of data", "µs an example, computed once"),
    *("µs an example, of an epoch", "MB resident", "MB allocated"),
)
_TEXT = """\
The same examples once and repeated, each size in a process of its own.
Microseconds an example are of the second epoch, and of what is done once
before the first: decoding into a file, or computing features into one. Memory
is the most that the process ever took, less what a process had taken that
only imported everything and built the model, which is the line of 0 examples.
Resident memory includes the pages of mapped files, which the kernel takes back
when they are needed elsewhere; what was allocated (RssAnon) does not.

What is decoded at each step, and what is mapped, takes no more memory as the
data grow. Arrays in memory do, and so do features up to 1 GB, which are held
as arrays; above, they are mapped. TFDS images are mapped above 4 GB, and here
always.

"""


def section(folder: pathlib.Path, repeats: int) -> Told:
    """The section "Growth" of the results; one turn a size.

    Args:
        folder: holds the data; kinds without are left out.
        repeats: not heeded, as 16 times the data are repetition enough.
    """
    del repeats
    if not Memory.known():
        return Told("Growth", "Left out: this system has no RssAnon.\n")
    lines = []
    for kind, title, material, examples in _KINDS:
        source = str(folder / f"{material}.npz")
        if not os.path.exists(source):
            continue
        none = call("growing", "grow", kind, source, examples, 0)
        lines.append(line(title, 0, none))
        for times in TIMES:
            grown = call("growing", "grow", kind, source, examples, times)
            for name in ("resident", "allocated"):
                grown[name] -= none[name]
            lines.append(line("", examples * times, grown))
            print("  growth:", kind, *lines[-1][1:], flush=True)
    return Told("Growth", _TEXT + markdown(_HEAD, lines))


def line(title: str, examples: int, grown: Mapping[str, float]) -> list[str]:
    """The cells of one size.

    Args:
        title: of the kind, or empty.
        examples: how many were trained on; 0: only the model was built.
        grown: what `growing.grow` gave.
    """
    cells = [title, f"{examples:,}", "", "", ""]
    if examples:
        each = (grown[name] / examples * 1e6 for name in ("ahead", "epoch"))
        cells[2:] = [f"{grown['data']:,.0f}", *(f"{s:,.1f}" for s in each)]
    return cells + [f"{grown[n]:,.0f}" for n in ("resident", "allocated")]
