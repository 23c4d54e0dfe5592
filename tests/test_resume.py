"""Runs that were interrupted, in process, on small data."""

import os
import pathlib

import keras
import numpy as np
import pytest

import keras_ptft
from keras_ptft import Config, UserError
from keras_ptft.experiment import run_dir, stages

SETTINGS = {"name": "x", "dataset": "npz:data.npz", "backbone": "mlp_small"}
SETTINGS |= {"explain": False, "jit_compile": "false"}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data(0)


def write_data(seed):
    x = np.random.default_rng(seed).random((200, 4))
    np.savez("data.npz", x=x, y=np.arange(200) % 2)


def run(**settings):
    return stages.pretrain(Config(epochs=2, **SETTINGS, **settings))


def interrupted(**settings):
    """A run that died before it wrote its result."""
    result = run(**settings)
    os.remove("runs/x/result.json")
    return result


def test_other_data_are_refused(tmp_path):
    result = interrupted()
    before = (tmp_path / "runs/x/model.keras").read_bytes()
    write_data(1)
    with pytest.raises(UserError) as caught:
        run()
    assert str(caught.value) == (
        "runs/x was run on data that changed since: choose another "
        "--name, or --overwrite it."
    )
    assert (tmp_path / "runs/x/model.keras").read_bytes() == before
    again = run(overwrite=True)
    assert again.resumed == [] and again.metrics != result.metrics


@pytest.mark.slow
def test_without_checkpoints_it_starts_again(tmp_path):
    result = interrupted(checkpoint_every="never")
    assert not (tmp_path / "runs/x/checkpoints").exists()
    again = run(checkpoint_every="never")
    assert again.resumed == []
    assert again.metrics == result.metrics


@pytest.mark.slow
def test_with_every_checkpoint_damaged_it_starts_again(tmp_path, caplog):
    result = interrupted()
    for path in (tmp_path / "runs/x/checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    again = run()
    assert "is damaged" in caplog.text and "or from the start." in caplog.text
    assert again.resumed == []
    assert again.metrics == result.metrics


@pytest.mark.slow
def test_a_version_that_was_published_is_found_again(tmp_path):
    # as if the run was killed before it could note the export
    exported = interrupted(export_to="saved").export
    again = run(export_to="saved").export
    assert again == exported
    left = {path.name for path in (tmp_path / "saved").iterdir()}
    assert left == {"1", "serving"}
    # another model gets a version of its own
    other = run(export_to="saved", overwrite=True, seed=1).export
    assert other.version == 2


def killed_after(step, folder):
    """Makes a complete run one that was killed after a checkpoint."""
    folder = pathlib.Path(folder)
    for name in ("result.json", "report.html", "model.keras", "backbone.keras"):
        (folder / name).unlink()
    for path in (folder / "checkpoints").iterdir():
        if int(path.name.split("-")[1]) > step:
            path.unlink()


def weights(folder):
    return keras.models.load_model(f"{folder}/model.keras").get_weights()


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_smaller_batches_go_on_to_the_same_result(tmp_path, caplog, stage):
    stages.pretrain(Config(**SETTINGS | {"name": "parent"}, epochs=1))
    settings = SETTINGS | {"epochs": 3, "batch_size": 32}
    settings |= {"checkpoint_every": "3", "keep_checkpoints": 99}
    settings |= {"steps_per_execution": 3}
    if stage == "finetune":
        # with its frozen part computed once
        settings |= {"init_from": "parent", "backbone": ""}
    whole = getattr(keras_ptft, stage)(Config(**settings))
    expected = weights("runs/x")
    assert (tmp_path / "runs/.features").exists() == (stage == "finetune")
    # an epoch has 4 steps: within the second of three
    killed_after(8, "runs/x")
    now = {"batch_size": 8, "gradient_accumulation": 4}
    again = getattr(keras_ptft, stage)(Config(**settings | now))
    assert "Resuming with batches of 8, 4 a step (32 before)" in caplog.text
    assert again.result.resumed == [7]
    assert [row["epoch"] for row in again.history] == [1, 2, 3]
    for row, other in zip(whole.history, again.history, strict=True):
        assert other["loss"] == pytest.approx(row["loss"], rel=1e-5)
    for one, other in zip(expected, weights("runs/x"), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)
    assert run_dir.read_config("runs/x").batch_size == 8
