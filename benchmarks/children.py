"""Functions called in a process of their own, which begins from nothing.

    python -m benchmarks.children MODULE FUNCTION ARGUMENTS

calls a function of `benchmarks.MODULE` with arguments written as a JSON
list, and prints what it gives back as JSON on the last line.
"""

import importlib
import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

ROOT = pathlib.Path(__file__).parent.parent


def call(module: str, function: str, *arguments: str | int | None) -> Any:
    """What a function of a module of the benchmark gives back.

    Raises:
        RuntimeError: the function failed.
    """
    words = "-m", "benchmarks.children", module, function
    said = run([sys.executable, *words, json.dumps(arguments)])
    return json.loads(said.splitlines()[-1])


def run(command: Sequence[str]) -> str:
    """What a command prints.

    Raises:
        RuntimeError: it failed; the message ends with its last words.
    """
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-20:])
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{last}")
    return done.stdout


def main() -> None:
    """Does what the command line says."""
    module, function, arguments = sys.argv[1:]
    called = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    print(json.dumps(called(*json.loads(arguments))))


if __name__ == "__main__":
    main()
