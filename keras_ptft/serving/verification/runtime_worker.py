"""Calls every signature of an export in a runtime and compares the answers.

`prove` runs this in a fresh process, which imports no TensorFlow of its own
unless the runtime does.

    python -m keras_ptft.serving.verification.runtime_worker RUNTIME EXPORT \
CASES.npz
"""

import json
import sys

from keras_ptft.serving.verification.cases import (
    Mismatch,
    largest_differences,
    read_cases,
)
from keras_ptft.serving.verification.runtimes import runtime_of


def main(runtime: str, export: str, file: str) -> None:
    """Prints what was found, as a JSON object on one line.

    `version` of the runtime, `differences` and `faults` as of
    `cases.largest_differences`, and `left_out`, by signature.

    Args:
        runtime: as in `runtimes.runtime_of`.
        export: folder of a SavedModel.
        file: of the cases, as `write_cases` writes them.
    """
    cases = read_cases(file)
    try:
        loaded = runtime_of(runtime).load(export)
    except Mismatch as error:
        print(json.dumps({"faults": [f"it cannot load the export: {error}"]}))
        return
    asked = {k: v for k, v in cases.items() if k not in loaded.left_out}
    differences, faults = largest_differences(loaded.answers, asked)
    found = {
        "version": loaded.version,
        "differences": differences,
        "faults": faults,
        "left_out": loaded.left_out,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
