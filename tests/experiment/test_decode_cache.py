"""Runs on photos end in the same bits, however often these are decoded."""

import shutil

import keras
import pytest

from keras_ptft import Config
from keras_ptft.experiment import stages
from tests.workers import largest_difference, launched

PHOTOS = 24
SMALL = Config(
    name="x",
    image_size=16,
    backbone="cnn(filters=[4], dense=4)",
    augment="flip",
    epochs=2,
    batch_size=4,
    optimizer="sgd",
    jit_compile="false",
    explain=False,
)


@pytest.fixture(scope="module")
def config(shared_data, tmp_path_factory):
    """The settings of a run on some photos."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("daisy", "roses"):
        (folder / name).mkdir()
        files = sorted((shared_data / "flower_photos" / name).iterdir())
        for file in files[: PHOTOS // 2]:
            shutil.copy(file, folder / name)
    return SMALL.replace(dataset=f"folder:{folder}")


@pytest.fixture(scope="module")
def plain(config, tmp_path_factory):
    """The folder of a run that decodes photos each time."""
    folder = tmp_path_factory.mktemp("plain")
    config = config.replace(decode_cache=False, runs_dir=str(folder))
    stages.pretrain(config)
    assert [path.name for path in folder.iterdir()] == ["x"]
    return folder / "x"


def weights(run):
    path = run / "model.keras"
    model = keras.saving.load_model(path, compile=False)
    return b"".join(array.tobytes() for array in model.get_weights())


@pytest.mark.slow
def test_a_first_and_a_second_run_train_the_same_bits(
    config, plain, tmp_path, caplog
):
    for name, there in (("first", 0), ("second", PHOTOS)):
        again = config.replace(name=name, runs_dir=str(tmp_path))
        stages.pretrain(again)
        assert f", {there} of {PHOTOS} are there." in caplog.text
        assert weights(tmp_path / name) == weights(plain)
    # the setting makes no other run
    assert stages.pretrain(again.replace(decode_cache=False)).resumed == []
    (file,) = (tmp_path / ".features").iterdir()
    assert file.stat().st_size == PHOTOS * (4 + 16 * 16 * 3)


@pytest.mark.slow
def test_two_workers_train_the_same(config, plain, tmp_path):
    launched(tmp_path, [config])
    assert largest_difference(plain, tmp_path / "runs" / "x") < 1e-5
    assert len(list((tmp_path / "runs" / ".features").iterdir())) == 1
