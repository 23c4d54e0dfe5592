"""What the installed Keras has not got is not tested."""

import pathlib

import keras
import pytest

FOLDER = pathlib.Path(__file__).parent


def pytest_collection_modifyitems(items):
    if tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 13):
        return
    skip = pytest.mark.skip(reason="Muon needs Keras 3.13")
    for item in items:
        old = "old_keras" in item.name
        if FOLDER in item.path.parents and "muon" in item.name and not old:
            item.add_marker(skip)
