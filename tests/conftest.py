"""What all tests share: two logical CPUs, real data and a clean memory."""

import gc
import os
import pathlib
import signal
import warnings

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = pathlib.Path(__file__).parent.parent


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a shell in the background has it ignored, and tests send it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # the process that starts others with `-n` runs no test itself
    if getattr(config.option, "numprocesses", None):
        return
    import tensorflow as tf

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


@pytest.fixture(scope="module", autouse=True)
def pixels_for_figures():
    """Draws no figure of a report, but where reports are the subject.

    All of them take a quarter of a small training.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    def print_png(canvas, file):
        del canvas
        Image.new("L", (1, 1)).save(file, "png")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FigureCanvasAgg, "print_png", print_png)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk():
    """Waits for no file to be on the disk, since no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", id)
        yield


@pytest.fixture
def restored_tables():
    """Leaves the tables as they were: other tests go through all rows."""
    from keras_ptft.evaluation.metrics import METRICS
    from keras_ptft.objectives import OBJECTIVES
    from keras_ptft.training.optimizers import OPTIMIZERS

    tables = (METRICS, OBJECTIVES, OPTIMIZERS)
    before = [dict(table) for table in tables]
    yield
    for table, rows in zip(tables, before, strict=True):
        table.clear()
        table.update(rows)


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
