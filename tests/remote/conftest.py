"""Machines, each with its own working copies, that share a bucket."""

import pathlib

import pytest

from keras_ptft.remote.places import CACHE_VARIABLE


@pytest.fixture
def bucket(tmp_path):
    """The URL of a folder of runs, which every machine sees."""
    return f"file://{tmp_path}/bucket/runs"


@pytest.fixture
def on(tmp_path, monkeypatch):
    """Name of a machine → this process works on it from now on."""

    def switch(machine):
        monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / machine))
        return pathlib.Path(tmp_path, machine, "remote")

    switch("first")
    return switch


def content(folder):
    """Every file below a folder, but hidden ones: its bytes by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def write(folder, **files):
    """Writes files; __ in a name is a slash, and what is None is removed."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
