"""Looks at the runs below a URL, of which only small files are fetched."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Collection, Iterator

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.remote.manifest import MANIFEST
from keras_ptft.remote.mirror import Mirror
from keras_ptft.remote.places import Place, normal
from keras_ptft.remote.storage import Storage


@contextlib.contextmanager
def listed(
    path: str | os.PathLike, names: Collection[str]
) -> Iterator[pathlib.Path]:
    """Gives a folder of runs to look at.

    Args:
        path: of the folder, which is given itself; or its URL, of whose runs
            it gives a copy in a folder that is removed.
        names: of the files whose content is looked at; of the others the copy
            has the names and times alone.

    Raises:
        UserError: there are no runs at the URL, or it cannot be read.
    """
    if not files.is_url(path):
        yield pathlib.Path(path)
        return
    url = normal(path)
    found = Storage(url).names()
    if not found or MANIFEST in found:
        what = "a run folder" if found else "none"
        raise UserError(
            f"Expected a folder of runs at {url}, there is {what}: name the "
            "--runs_dir of the runs."
        )
    with tempfile.TemporaryDirectory(prefix="keras-ptft-") as place:
        for name in found:
            copy = pathlib.Path(place) / name
            _sketch(Place(f"{url}/{name}", copy), names)
        yield pathlib.Path(place)


def _sketch(place: Place, names: Collection[str]) -> None:
    mirror = Mirror(place)
    manifest = mirror.manifest()
    if manifest is None:
        return
    for name, entry in manifest.files.items():
        path = place.copy / name
        if path.name in names:
            mirror.fetch(name, entry, path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (entry.modified, entry.modified))
