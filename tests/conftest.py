"""What all tests share: two logical CPUs and the folder of real data."""

import os
import pathlib

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

ROOT = pathlib.Path(__file__).parent.parent


def pytest_configure():
    # mirrored training is tested on two devices, which CPUs can play
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real data sets, which a user's machine may not have."""
    beside = ROOT.parent / "shared" / "data"
    folder = pathlib.Path(os.environ.get("KERAS_PTFT_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}: set KERAS_PTFT_DATA")
    return folder


@pytest.fixture(scope="session")
def cases():
    """Folder of small inputs as people have them, each with its fault."""
    beside = ROOT.parent / "shared" / "cases"
    folder = pathlib.Path(os.environ.get("KERAS_PTFT_CASES", beside))
    if not folder.is_dir():
        pytest.skip(f"no cases in {folder}: set KERAS_PTFT_CASES")
    return folder
