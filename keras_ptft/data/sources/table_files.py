"""From files of tables to a data set, whatever their rows are."""

from collections.abc import Callable, Mapping

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.manifests import of_images
from keras_ptft.data.sources.split_discovery import split_files, unread_files
from keras_ptft.data.tables.table import Table, open_table

Make = Callable[[Loading, Mapping[str, Table], float], Dataset]
"""(settings, split to its table, test fraction) → data set."""


def read_files(
    loading: Loading, path: str, kind: str, test_fraction: float, make: Make
) -> Dataset:
    """Reads the tables of each split.

    Args:
        loading: the settings of the run.
        path: as `split_files` takes it.
        kind: "csv", "tsv" or "jsonl".
        test_fraction: of train, if there is no table for testing.
        make: makes the data set, unless the rows are images.

    Raises:
        UserError: no such files, or what `make` refuses.
    """
    make = maker_of(loading, kind, make)
    files = split_files(path, [kind], kind.upper())
    tables = {split: open_table(file, kind) for split, file in files.items()}
    dataset = make(loading, tables, test_fraction)
    return dataset.noting(*unread_files(path, files, [kind]))


def maker_of(loading: Loading, kind: str, make: Make) -> Make:
    """Returns what makes a data set of tables: of images, or as given.

    Args:
        loading: the settings of the run; `image_column` names images.
        kind: of the tables, a row of DATASETS.
        make: what makes it of other rows.

    Raises:
        UserError: a setting for files, where rows are no images.
    """
    if loading.image_column:
        return of_images
    loading.refuse(kind, "group_pattern", "image_root")
    return make
