"""What all tests share: two logical CPUs, real data and a clean memory."""

import gc
import os
import pathlib
import warnings

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

ROOT = pathlib.Path(__file__).parent.parent


def pytest_configure():
    # mirrored training is tested on two devices, which CPUs can play
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)


@pytest.fixture(scope="module", autouse=True)
def few_objects_to_search():
    """Keeps what earlier modules left out of the search for garbage.

    TensorFlow keeps graphs of every model, which are millions of objects
    after some hundred trainings, and `clear_session` would search them all.
    """
    with warnings.catch_warnings():
        # what an earlier module left open is no mistake of the next one
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def verified_in_a_fork():
    """Starts no new process for each export, but where that is the subject."""
    from keras_ptft.serving.verification import verify
    from tests import verifying

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "subprocess", verifying)
        yield


def folder_of(name, variable, what):
    """A folder that a user's machine may not have: its tests are skipped."""
    beside = ROOT.parent / "shared" / name
    folder = pathlib.Path(os.environ.get(variable, beside))
    if not folder.is_dir():
        pytest.skip(f"no {what} in {folder}: set {variable}")
    return folder


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real data sets."""
    return folder_of("data", "KERAS_PTFT_DATA", "real data")


@pytest.fixture(scope="session")
def cases():
    """Folder of small inputs as people have them, each with its fault."""
    return folder_of("cases", "KERAS_PTFT_CASES", "cases")
