"""python -m benchmarks: measures the same work and writes it down."""

import argparse
import os
import pathlib
import tempfile
import time
from typing import Any

from benchmarks import images, photos, predict, report, runs, texts
from benchmarks.common import PROCESSORS, ROOT, Row, limit_threads, measure
from benchmarks.data import prepare

SCRIPTS = {
    "images": images.ROWS,
    "photos": photos.ROWS,
    "texts": texts.ROWS,
    "predict": predict.ROWS,
}
ROWS: dict[str, Row] = {
    name: row for rows in SCRIPTS.values() for name, row in rows.items()
}
_NO_PHOTOS = "left out, there are no photos: set --data"
_RESULTS = pathlib.Path(__file__).with_name("results.md")


def main() -> None:
    """Measures what is requested and adds it to `results.md`."""
    arguments, start = _parser().parse_args(), time.perf_counter()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    limit_threads()
    measured = _measured(arguments)
    output = pathlib.Path(arguments.output or _RESULTS)
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        alone = pathlib.Path(folder)
        report.keep(alone, measured)
        print(report.document(ROWS, report.read(alone)))
    if arguments.output or not arguments.rows:
        kept = output.with_name("results")
        report.keep(kept, measured)
        text = report.document(ROWS, report.read(kept))
        output.write_text(text, encoding="utf-8")
    print(f"\n{time.perf_counter() - start:.0f} s in all")


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    sections: dict[str, Any] = {}
    notes: dict[str, str] = {}
    given, repeats = pathlib.Path(arguments.data), arguments.repeats
    script_of = {row: name for name, rows in SCRIPTS.items() for row in rows}
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as path:
        folder = pathlib.Path(path)
        for name in arguments.rows or [*ROWS, *runs.SECTIONS]:
            if name in ROWS:
                title, needed = ROWS[name].title, (ROWS[name].material,)
            else:
                title, section, needed = runs.SECTIONS[name]
            made = [prepare(m, folder, given) or _NO_PHOTOS for m in needed]
            notes[title] = "; ".join(made) or "the bundled digits"
            print(f"{title}: {notes[title]}", flush=True)
            if name not in ROWS:
                sections[name] = section(folder, repeats)
            elif made != [_NO_PHOTOS]:
                file = str(folder / f"{needed[0]}.npz")
                played = script_of[name], name, file, arguments.processor
                rows[name] = measure(*played, repeats)
    parts = {"rows": rows, "sections": sections, "notes": notes}
    return {"machine": report.machine(), **parts}


def _parser() -> argparse.ArgumentParser:
    data = os.environ.get("KERAS_PTFT_DATA", ROOT.parent / "shared" / "data")
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    for option, settings in {
        "--data": {"default": data, "help": "folder of data; else random"},
        "--processor": {
            "default": ["default"],
            "type": _processors,
            "help": f"with commas between: {', '.join(PROCESSORS)}",
        },
        "--rows": {"nargs": "+", "choices": [*ROWS, *runs.SECTIONS]},
        "--repeats": {"type": int, "default": 3, "help": "turns of each"},
        "--output": {"help": "default: results.md, when all was measured"},
    }.items():
        parser.add_argument(option, **settings)
    return parser


def _processors(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in PROCESSORS:
            raise argparse.ArgumentTypeError(
                f"expected {', '.join(PROCESSORS)}, got {name!r}"
            )
    return names


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError) as error:
        raise SystemExit(str(error)) from None
