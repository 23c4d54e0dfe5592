"""Calls every signature of an export through TensorFlow's C API.

`prove` runs this in a fresh process, which imports no TensorFlow: a process
can have the library of one TensorFlow only.

    python -m keras_ptft.serving.verification.c_api_worker LIBRARY EXPORT \
CASES.npz
"""

import json
import sys
from functools import partial

from keras_ptft.serving.verification.c_api import Session, load_library
from keras_ptft.serving.verification.cases import (
    Cases,
    Mismatch,
    largest_differences,
    read_cases,
)


def compare(
    library: str, folder: str, cases: Cases
) -> tuple[str, dict[str, float], list[str]]:
    """Compares every signature of an export with every one of its cases.

    Args:
        library: folder of the library, as in `c_api.load_library`.
        folder: of a SavedModel.
        cases: of every signature.

    Returns:
        The version of the library, then as `cases.largest_differences`.

    Raises:
        UserError: the library cannot be loaded.
    """
    loaded = load_library(library)
    version = loaded.TF_Version().decode()
    try:
        session = Session(loaded, folder)
    except Mismatch as error:
        return version, {}, [f"it cannot load the export: {error}"]
    answers = {name: partial(session.run, name) for name in session.signatures}
    return version, *largest_differences(answers, cases)


def main(library: str, folder: str, file: str) -> None:
    """Prints what `compare` returns, as JSON on one line.

    Args:
        library: folder of the library.
        folder: of a SavedModel.
        file: of the cases, as `write_cases` writes them.
    """
    print(json.dumps(compare(library, folder, read_cases(file))))


if __name__ == "__main__":
    main(*sys.argv[1:])
