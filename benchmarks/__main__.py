"""python -m benchmarks: measures the table of work and writes it down."""

import argparse
import os
import pathlib
import tempfile
import time

from benchmarks import table
from benchmarks.common import ROOT, limit_threads, prepare
from benchmarks.table import ROWS, measure

# the title in the template, what measures it, and the data it needs
SECTIONS = {
    "checkpoints": ("Checkpoints", table.checkpoints, ("images",)),
    "growth": ("Growth", table.growth, ("images", "paths")),
    "startup": ("Start-up", table.start_up, ()),
}
_NO_PHOTOS = "left out, there are no photos: set --photos"
_RESULTS = pathlib.Path(__file__).with_name("results.md")


def main() -> None:
    """Measures what is requested, prints it and writes `results.md`."""
    arguments, start = _parser().parse_args(), time.perf_counter()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    limit_threads()
    given = arguments.manual_dir, arguments.photos
    results, values, notes = {}, {}, {}
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as path:
        folder = pathlib.Path(path)
        for name in arguments.rows or [*ROWS, *SECTIONS]:
            if name in ROWS:
                title, needed = ROWS[name].title, (ROWS[name].material,)
            else:
                title, section, needed = SECTIONS[name]
            made = [prepare(m, folder, *given) or _NO_PHOTOS for m in needed]
            notes[title] = "; ".join(made) or "the bundled digits"
            print(f"{title}: {notes[title]}", flush=True)
            if name in SECTIONS:
                values[name] = section(folder, arguments.repeats)
            elif made != [_NO_PHOTOS]:
                results[name] = measure(name, folder, arguments.repeats)
    values["table"] = table.written(results)
    text = table.document(values, notes, arguments.repeats)
    for part in text.split("\n## "):
        # "# Results" holds the table of rows
        if part.startswith(("# Results", *notes)):
            print(f"\n## {part.strip()}".replace("## # ", "# "))
    print(f"\n{time.perf_counter() - start:.0f} s in all")
    if arguments.output or not arguments.rows:
        output = pathlib.Path(arguments.output or _RESULTS)
        output.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    data = os.environ.get("KERAS_PTFT_DATA", ROOT.parent / "shared" / "data")
    mnist, photos = (
        str(path) if (path := pathlib.Path(data, name)).is_dir() else ""
        for name in ("mnist", "flower_photos")
    )
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    for option, settings in {
        "--manual_dir": {"default": mnist, "help": "MNIST, or random images"},
        "--photos": {"default": photos, "help": "class folders of JPEG files"},
        "--rows": {"nargs": "+", "choices": [*ROWS, *SECTIONS]},
        "--repeats": {"type": int, "default": 3, "help": "turns of each"},
        "--output": {"help": "default: results.md, when all was measured"},
    }.items():
        parser.add_argument(option, **settings)
    return parser


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError) as error:
        raise SystemExit(str(error)) from None
