"""python -m benchmarks: measures the table of work and writes it down."""

import argparse
import importlib.util
import os
import pathlib
import tempfile

from benchmarks import material, report
from benchmarks.measure import ROOT, Result, measure
from benchmarks.rows import CONTESTANTS, ROWS, Row
from benchmarks.work import Watch, limit_threads
from keras_ptft.errors import UserError
from keras_ptft.files import write_text

_RESULTS = pathlib.Path(__file__).parent / "results.md"


def main() -> None:
    """Runs the rows, prints the table and writes `results.md`."""
    arguments = _parser().parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    limit_threads()
    names = arguments.rows or list(ROWS)
    results, notes, watch = {}, {}, Watch()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        for name in names:
            notes[name] = _run(name, arguments, pathlib.Path(folder), results)
            print(f"{ROWS[name].title}: {notes[name]}", flush=True)
    print(f"\n{report.table(results)}\n\n{watch.seconds():.0f} s in all")
    if arguments.output or names == list(ROWS):
        text = report.document(results, notes, arguments.repeats)
        write_text(pathlib.Path(arguments.output or _RESULTS), text)


def _run(
    name: str,
    arguments: argparse.Namespace,
    folder: pathlib.Path,
    results: dict[str, Result],
) -> str:
    """Adds a row's result; says what its data was, or why there is none."""
    row = ROWS[name]
    data = material.prepare(
        row,
        folder,
        manual_dir=arguments.manual_dir,
        photos=arguments.photos,
    )
    if not data:
        return "left out, there are no photos: set --photos"
    results[name] = measure(
        name, row, _present(row), repeats=arguments.repeats, folder=folder
    )
    return data


def _present(row: Row) -> list[str]:
    """The contestants of a row that are installed, ours first."""
    torch = importlib.util.find_spec("torch") is not None
    return [
        name
        for name in (*row.variants, *row.rivals)
        if torch or CONTESTANTS[name][0] != "pytorch"
    ]


def _parser() -> argparse.ArgumentParser:
    data = os.environ.get("KERAS_PTFT_DATA", ROOT.parent / "shared" / "data")
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    for name, folder, what in (
        ("manual_dir", "mnist", "MNIST's four files; without: random images"),
        ("photos", "flower_photos", "class folders of JPEG files"),
    ):
        path = pathlib.Path(data, folder)
        parser.add_argument(
            f"--{name}", default=str(path) if path.is_dir() else "", help=what
        )
    parser.add_argument(
        "--rows", nargs="+", choices=list(ROWS), help="only these rows"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="turns of each contestant"
    )
    parser.add_argument(
        "--output", help="default: results.md, when all rows were measured"
    )
    return parser


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(str(error)) from None
