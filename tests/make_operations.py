"""Writes `serving/verification/operations.txt` from TensorFlow's libraries.

    python -m tests.make_operations FOLDER ...

Each folder is an installed `tensorflow` or an unpacked wheel, the oldest
first. Each library is loaded in a process of its own.
"""

import ctypes
import json
import subprocess
import sys

from keras_ptft.files import write_text
from keras_ptft.serving.verification.c_api import load_library
from keras_ptft.serving.verification.operations import TABLE
from keras_ptft.serving.verification.wire import fields

# numbers of fields of OpList, OpDef and OpDef.AttrDef
_OP, _NAME, _ATTR = 1, 1, 4


def read_operations(folder):
    """The release in a folder, and its operations with their attributes."""
    library = load_library(folder)
    buffer = library.TF_GetAllOpList().contents
    message = ctypes.string_at(buffer.data, buffer.length)
    release = ".".join(library.TF_Version().decode().split(".")[:2])
    return release, dict(
        operation(value) for number, value in fields(message) if number == _OP
    )


def operation(message):
    name, attributes = "", []
    for number, value in fields(message):
        if number == _NAME:
            name = value.decode()
        elif number == _ATTR:
            attributes.append(dict(fields(value))[_NAME].decode())
    return name, sorted(attributes)


def in_a_process(folder):
    code = (
        "import json, sys; from tests.make_operations import read_operations;"
        "print(json.dumps(read_operations(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def table(found):
    """The lines of the table of some releases, the oldest first."""
    since = {}
    for release, operations in found:
        for name, attributes in operations.items():
            words = since.setdefault(name, {name: release})
            for attribute in attributes:
                words.setdefault(attribute, release)
    oldest = found[0][0]
    yield "# " + " ".join(release for release, _ in found)
    for name in sorted(since):
        yield " ".join(
            word if release == oldest else f"{word}@{release}"
            for word, release in since[name].items()
        )


if __name__ == "__main__":
    lines = list(table([in_a_process(folder) for folder in sys.argv[1:]]))
    write_text(TABLE, "\n".join([*lines, ""]))
