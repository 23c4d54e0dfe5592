"""Programs that stand for a server."""

import os
import shutil

import pytest


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """(name, script) → puts a program on a PATH with the common ones."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "sleep"):
        (folder / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(folder))

    def on_path(name, script):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        return os.fspath(program)

    return on_path
