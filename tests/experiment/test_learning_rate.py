"""Runs that find their learning rate, on the bundled digits."""

import os
import shutil

import keras
import numpy as np
import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment import stages
from keras_ptft.files import read_json, read_text
from tests.alike import differences

FOUND = Config(
    explain=False,
    name="found",
    image_size=8,
    backbone="mlp_small",
    learning_rate="find",
    schedule="cosine",
    epochs=2,
    jit_compile="false",
    steps_per_execution=4,
    checkpoint_every="8",
    keep_checkpoints=99,
)


@pytest.fixture(scope="module")
def pixels_for_figures():
    """Figures are drawn here."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a run that found its learning rate."""
    folder = tmp_path_factory.mktemp("find")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        stages.pretrain(FOUND)
    return folder


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def weights(run):
    return keras.models.load_model(f"runs/{run}/model.keras").get_weights()


def test_the_run_is_that_with_the_number():
    result = read_json("runs/found/result.json")
    seen = result["range_test"]
    assert seen == read_json("runs/found/learning_rate.json")
    rate = seen["found"]
    assert rate in seen["rates"] and 1e-4 < rate < 0.1
    stages.pretrain(FOUND.replace(name="given", learning_rate=rate))
    given = read_json("runs/given/result.json")
    assert "range_test" not in given
    for one, other in zip(result["history"], given["history"], strict=True):
        assert one["loss"] == other["loss"]
        assert one["learning_rate"] == other["learning_rate"]
    for one, other in zip(weights("found"), weights("given"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_report_has_its_picture():
    page = read_text("runs/found/report.html")
    rate = read_json("runs/found/learning_rate.json")["found"]
    assert f"<p>{rate:.2g}, found by" in page
    picture = 'alt="Loss by learning rate" width="414"\n  src="data:image/png'
    assert picture in page


def test_a_run_that_was_stopped_goes_on_with_the_same(
    folder, tmp_path, monkeypatch
):
    shutil.copytree(folder / "runs/found", tmp_path / "runs/found")
    monkeypatch.chdir(tmp_path)
    for name in ("result.json", "report.html", "model.keras", "backbone.keras"):
        os.remove(f"runs/found/{name}")
    for path in (tmp_path / "runs/found/checkpoints").iterdir():
        if not path.name.startswith("step-000000008"):
            path.unlink()
    again = stages.pretrain(FOUND)
    assert again.resumed == [8]
    alike = tmp_path / "alike"
    shutil.copytree(folder / "runs/found", alike / "runs/found")
    shutil.move(tmp_path / "runs", tmp_path / "again/runs")
    assert differences(alike, tmp_path / "again") == []


@pytest.mark.slow
def test_scratch_and_gradual_unfreezing_find_their_own():
    stages.pretrain(
        FOUND.replace(name="first", classes="0-4", learning_rate=0.01)
    )
    result = stages.finetune(
        FOUND.replace(
            name="second",
            classes="5-9",
            init_from="first",
            backbone="",
            layer_decay=0.5,
            unfreeze="0:all,1:none",
            compare_scratch=True,
        )
    )
    scratch = read_json("runs/second/scratch/learning_rate.json")
    assert result.scratch.range_test == scratch
    # of a head on frozen features, and of the whole model
    assert scratch["losses"] != result.range_test["losses"]


def test_another_word_is_refused():
    with pytest.raises(UserError) as caught:
        Config(learning_rate="fnid")
    assert str(caught.value) == (
        "--learning_rate must be float or find, got 'fnid'."
    )
    assert Config.from_flags(FOUND.to_flags()) == FOUND
