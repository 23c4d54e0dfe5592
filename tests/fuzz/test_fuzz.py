"""Every reader is fed almost right input, the same each time."""

import pytest

from tests.forked import forked
from tests.fuzz.__main__ import main

EXAMPLES = {
    "image": 700,
    "folder": 30,
    "tree": 30,
    "manifest": 40,
    "npz": 600,
    "npy": 1000,
    "csv": 800,
    "parquet": 400,
    "texts": 500,
    "flagfile": 500,
    "call": 2000,
    "keras": 300,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_reader_ends_in_a_value_or_a_user_error(name, tmp_path):
    # in a process of its own, which a decoder may kill
    words = [name, f"--examples={EXAMPLES[name]}"]
    code, told = forked(main, words, folder=tmp_path, timeout=300)
    assert code == 0, told[-5000:]
    assert f"{name}: " in told
