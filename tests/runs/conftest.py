"""Real runs that all tests of this room share."""

import shutil
import time

import pytest

from keras_ptft.config import Config
from keras_ptft.experiment.stages import finetune, pretrain

SMALL = Config(
    backbone="mlp_small",
    image_size=8,
    epochs=1,
    explain=False,
    jit_compile="false",
)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with a pretraining and a fine-tuning."""
    folder = tmp_path_factory.mktemp("trained") / "runs"
    small = SMALL.replace(runs_dir=str(folder))
    pretrain(small.replace(name="digits", epochs=2))
    finetune(
        small.replace(
            name="tuned", init_from="digits", backbone="", learning_rate=0.01
        )
    )
    return folder


@pytest.fixture
def runs_dir(trained, tmp_path, monkeypatch):
    """A copy of `trained` as runs/ of the working folder."""
    shutil.copytree(trained, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.fixture(autouse=True)
def in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
