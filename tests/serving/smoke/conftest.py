"""Small exports with a warm-up, and programs that stand for a server."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.serving.bundle.warmup import write_warmup
from keras_ptft.serving.export import EXTRA
from keras_ptft.serving.signatures.signature import (
    Signature,
    cases,
    write_saved_model,
)

WORDS = np.array([b"\xff\0", "猫".encode(), b"dog"], object)
ROWS = np.array([[1.0, -2.0], [300.0, 0.5], [0.1, 7.0]], np.float32)


def _signatures(factor):
    def function(x, word):
        return {
            "scaled": factor * x,
            "length": tf.strings.length(word),
            "word": word,
            "word_bytes": word,
        }

    x, word = (
        tf.TensorSpec((None, 2), tf.float32),
        tf.TensorSpec((None,), tf.string),
    )
    scaled = {"scaled": factor * ROWS}
    outputs = {
        **scaled,
        "length": np.array([2, 3, 3], np.int32),
        "word": WORDS,
        "word_bytes": WORDS,
    }
    return [
        Signature(
            "serving_default",
            function,
            {"x": x, "word": word},
            cases({"x": ROWS, "word": WORDS}, outputs),
        ),
        Signature(
            "alone",
            lambda x: {"scaled": factor * x},
            {"x": x},
            cases({"x": ROWS}, scaled),
        ),
    ]


@pytest.fixture(scope="session")
def make_base(tmp_path_factory):
    """Factor → a folder with version 3, which multiplies by it."""

    def make_base(factor):
        base = tmp_path_factory.mktemp("saved_models") / "scale"
        folder = base / "3"
        signatures = _signatures(factor)
        write_saved_model(folder, signatures)
        (folder / EXTRA).mkdir(exist_ok=True)
        write_warmup(folder / EXTRA, "scale", signatures, (1, 8))
        return base

    return make_base


@pytest.fixture(scope="session")
def base(make_base):
    return make_base(2.0)


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
