"""Every reader is fed almost right input, the same each time."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent.parent
EXAMPLES = {
    "image": 1500,
    "folder": 60,
    "tree": 60,
    "manifest": 100,
    "npz": 1000,
    "npy": 1000,
    "csv": 1500,
    "parquet": 400,
    "texts": 500,
    "flagfile": 800,
    "call": 2000,
    "keras": 300,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_reader_ends_in_a_value_or_a_user_error(name):
    # in a process of its own, which a decoder may kill
    words = [name, f"--examples={EXAMPLES[name]}"]
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    assert f"{name}: " in done.stdout
