"""What `keras-ptft runs` does, from settings to lines."""

import os
import pathlib
from collections.abc import Iterator

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.experiment.results import RESULT_FILE
from keras_ptft.experiment.run_files import ENVIRONMENT_FILE, FLAGS_FILE
from keras_ptft.remote.listing import listed
from keras_ptft.runs.delete import delete_runs
from keras_ptft.runs.listing import Listing, list_runs, some_of
from keras_ptft.runs.settings import RunsConfig
from keras_ptft.runs.table import in_order, printable
from keras_ptft.runs.writing import text_table, write_csv, write_page

_READ = (FLAGS_FILE, RESULT_FILE, ENVIRONMENT_FILE)


def answer(folder: str | os.PathLike, config: RunsConfig) -> Iterator[str]:
    """Yields what is printed of a folder of runs, and writes its files.

    Args:
        folder: holds run folders; or its URL.
        config: what is asked for.

    Raises:
        UserError: there is no such folder, column or run, or a file cannot
            be written.
    """
    for setting, path in (("csv", config.csv), ("html", config.html)):
        if path:
            files.check_file(path, setting)
    if config.delete and files.is_url(folder):
        raise UserError(
            f"--delete removes runs of this machine, got {os.fspath(folder)}: "
            "remove them there, as by gcloud storage rm -r URL/NAME."
        )
    with listed(folder, _READ) as place:
        yield from _answer(place, config, os.fspath(folder))


def _answer(
    place: pathlib.Path, config: RunsConfig, folder: str
) -> Iterator[str]:
    if config.delete:
        every = list_runs(place, within_comparisons=True)
        # an unknown column must not be told when runs are gone
        in_order(every.runs, config.sort)
        yield from map(printable, delete_runs(config.delete, every))
    listing = list_runs(place, within_comparisons=config.all)
    runs = in_order(listing.runs, config.sort)
    notes = _notes(listing)
    if config.csv:
        write_csv(config.csv, runs)
    if config.html:
        title = f"Runs in {folder}"
        write_page(config.html, runs, title=title, notes=notes)
    # whoever reads them may go before the last
    yield text_table(runs) if runs else printable(f"No runs in {folder}.")
    yield from notes


def _notes(listing: Listing) -> list[str]:
    """Sentences about what is in the folder and not in the table."""
    notes = []
    if listing.comparisons:
        names = some_of(listing.comparisons)
        notes.append(
            f"Runs of comparisons and searches are left out ({names}): see "
            "--all."
        )
    if listing.others:
        names = some_of(listing.others)
        notes.append(f"Folders that hold no run are left out ({names}).")
    return list(map(printable, notes))
