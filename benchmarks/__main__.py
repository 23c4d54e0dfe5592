"""python -m benchmarks: measures the table of work and writes it down."""

import argparse
import importlib.util
import os
import pathlib
import tempfile

from benchmarks import checkpoints, growth, material, report, startup
from benchmarks.children import ROOT
from benchmarks.measure import Result, measure
from benchmarks.rows import CONTESTANTS, NEEDS, ROWS, Row
from benchmarks.tables import Told
from benchmarks.work import Watch, limit_threads
from keras_ptft.errors import UserError
from keras_ptft.files import write_text

# what makes each section, and the material it needs
SECTIONS = {
    "checkpoints": (checkpoints.section, ("images",)),
    "growth": (growth.section, ("images", "paths")),
    "startup": (startup.section, ()),
}
_NO_PHOTOS = "left out, there are no photos: set --photos"
_RESULTS = pathlib.Path(__file__).parent / "results.md"


def main() -> None:
    """Measures what is asked for, prints it and writes `results.md`."""
    arguments = _parser().parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    limit_threads()
    names = arguments.rows or [*ROWS, *SECTIONS]
    results, notes, sections, watch = {}, {}, [], Watch()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        place = pathlib.Path(folder)
        for name in names:
            if name in ROWS:
                title = ROWS[name].title
                notes[title] = _run(name, arguments, place, results)
                print(f"{title}: {notes[title]}", flush=True)
            else:
                sections.append(_section(name, arguments, place, notes))
    print("", report.table(results), *sections, sep="\n")
    print(f"{watch.seconds():.0f} s in all")
    if arguments.output or names == [*ROWS, *SECTIONS]:
        text = report.document(
            results, notes, sections, repeats=arguments.repeats
        )
        write_text(pathlib.Path(arguments.output or _RESULTS), text)


def _run(
    name: str,
    arguments: argparse.Namespace,
    folder: pathlib.Path,
    results: dict[str, Result],
) -> str:
    """Adds a row's result; says what its data was, or why there is none."""
    row = ROWS[name]
    data = _prepare(row.material, arguments, folder)
    if not data:
        return _NO_PHOTOS
    results[name] = measure(
        name, row, _present(row), repeats=arguments.repeats, folder=folder
    )
    return data


def _section(
    name: str,
    arguments: argparse.Namespace,
    folder: pathlib.Path,
    notes: dict[str, str],
) -> Told:
    """A section of the results; notes what its data was."""
    section, materials = SECTIONS[name]
    data = [_prepare(m, arguments, folder) or _NO_PHOTOS for m in materials]
    told = section(folder, repeats=arguments.repeats)
    notes[told.title] = "; ".join(data) or "the bundled digits"
    return told


def _prepare(
    name: str, arguments: argparse.Namespace, folder: pathlib.Path
) -> str:
    return material.prepare(
        name,
        folder,
        manual_dir=arguments.manual_dir,
        photos=arguments.photos,
    )


def _present(row: Row) -> list[str]:
    """The contestants of a row that are installed, ours first."""
    return [
        name
        for name in (*row.variants, *row.rivals)
        if importlib.util.find_spec(NEEDS.get(CONTESTANTS[name][0], "keras"))
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
        "--rows",
        nargs="+",
        choices=[*ROWS, *SECTIONS],
        help="only these rows and sections",
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="turns of each contestant"
    )
    parser.add_argument(
        "--output", help="default: results.md, when all was measured"
    )
    return parser


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(str(error)) from None
