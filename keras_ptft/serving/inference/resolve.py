"""Where models are kept."""

import os
import pathlib

from keras_ptft.errors import UserError
from keras_ptft.experiment.run_dir import is_complete

GRAPH = "saved_model.pb"
"""What says that a folder is an export."""


def find_keras_file(path: str | os.PathLike) -> pathlib.Path | None:
    """The `.keras` file of a model; None where there is no such.

    Args:
        path: a run folder or a `.keras` file.

    Raises:
        UserError: the run is not complete.
    """
    path = pathlib.Path(path)
    if path.is_file() and path.suffix == ".keras":
        return path
    if (path / GRAPH).is_file():
        return None
    if (path / "flags.flags").is_file() and not is_complete(path):
        raise UserError(
            f"The run in {path} is not complete: expected its result.json; "
            "run its stage again, which finishes it."
        )
    file = path / "model.keras"
    return file if file.is_file() else None
