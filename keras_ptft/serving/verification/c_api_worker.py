"""Calls an export through TensorFlow's C API and compares its answers.

`prove` runs this in a fresh process, which imports no TensorFlow: a process
can have the library of one TensorFlow only. The cases come as a stream, so
that a whole test split needs no more memory than a batch of it.

    python -m keras_ptft.serving.verification.c_api_worker LIBRARY EXPORT
"""

import json
import sys
from collections.abc import Iterable
from functools import partial
from typing import Any

from keras_ptft.serving.verification.c_api import Session, load_library
from keras_ptft.serving.verification.cases import (
    Cases,
    Mismatch,
    largest_differences,
)
from keras_ptft.serving.verification.stream import received


def compare(library: str, folder: str, parts: Iterable[Cases]) -> dict:
    """Compares an export with its cases, up to the first fault.

    Args:
        library: folder of the library, as in `c_api.load_library`.
        folder: of a SavedModel.
        parts: cases of every signature, then more cases of some.

    Returns:
        `version` of the library; `cases`, the largest differences of the
        first part as `cases.largest_differences` has them, `more` those of
        all other parts; and `faults`.

    Raises:
        UserError: the library cannot be loaded.
    """
    loaded = load_library(library)
    found: dict[str, Any] = {"version": loaded.TF_Version().decode()}
    found |= {"cases": {}, "more": {}, "faults": []}
    try:
        session = Session(loaded, folder)
    except Mismatch as error:
        found["faults"] = [f"it cannot load the export: {error}"]
        return found
    answers = {name: partial(session.run, name) for name in session.signatures}
    rest = iter(parts)
    first = next(rest)
    found["cases"], found["faults"] = largest_differences(answers, first)
    while not found["faults"] and (part := next(rest, None)):
        some = {name: answers[name] for name in part}
        differences, found["faults"] = largest_differences(some, part)
        for name, value in differences.items():
            found["more"][name] = max(value, found["more"].get(name, 0.0))
    return found


def main(library: str, folder: str) -> None:
    """Prints what `compare` returns of its input, as JSON on one line.

    Args:
        library: folder of the library.
        folder: of a SavedModel.
    """
    parts = received(sys.stdin.buffer)
    print(json.dumps(compare(library, folder, parts)))


if __name__ == "__main__":
    main(*sys.argv[1:])
