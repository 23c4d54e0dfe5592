"""What a fine-tuned backbone still knows of its pretraining."""

import shutil

import numpy as np
import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.forgetting import check_forgetting
from keras_ptft.experiment.results import RunResult
from keras_ptft.experiment.stages import finetune, pretrain
from keras_ptft.files import read_json, write_text
from keras_ptft.models.saved import load_model
from keras_ptft.objectives.saved import read_objective

SMALL = {"image_size": 8, "epochs": 3, "learning_rate": 0.01}
SMALL |= {"near_copies": False, "explain": False, "jit_compile": "false"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def a_run(folder, **settings):
    """The files that tell a complete run."""
    folder.mkdir(parents=True)
    write_text(folder / "flags.flags", Config(**settings).to_flags())
    RunResult(run=folder.name, stage="pretrain").write(folder)
    for name in ("backbone.keras", "model.keras", "objective.json"):
        (folder / name).touch()


def test_it_needs_a_run_that_can_be_scored_again(place):
    settings = Config(forgetting=True, init_from="first")
    a_run(place / "runs/first")
    check_forgetting(settings)
    for name in ("model.keras", "objective.json"):
        (place / "runs/first" / name).unlink()
        with pytest.raises(UserError, match=f"first has no {name}: leave it"):
            check_forgetting(settings)
        (place / "runs/first" / name).touch()
    (place / "other.keras").touch()
    with pytest.raises(UserError, match=r"and \. has no flags\.flags"):
        check_forgetting(settings.replace(init_from="other.keras"))
    a_run(place / "runs/given", dataset="given")
    with pytest.raises(UserError, match="given were handed over as an object"):
        check_forgetting(settings.replace(init_from="given"))
    with pytest.raises(UserError, match="known model efficientnet_lite0: lea"):
        check_forgetting(settings.replace(init_from="efficientnet_lite0"))
    with pytest.raises(UserError, match="got a backbone that was handed over"):
        check_forgetting(settings.replace(init_from=""))
    check_forgetting(Config(init_from="efficientnet_lite0"))


def test_it_belongs_to_fine_tuning(place):
    with pytest.raises(UserError, match="--forgetting=True belongs to fine-tu"):
        pretrain(Config(forgetting=True))
    with pytest.raises(UserError, match="--forgetting=True is for pretrained"):
        a_run(place / "runs/first")
        finetune(Config(forgetting=True, init_from="first", from_scratch=True))


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A folder with a pretraining."""
    folder = tmp_path_factory.mktemp("forgetting")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pretrain(
            Config(
                name="first",
                classes="0-4",
                backbone="mlp(hidden=[16, 8])",
                **SMALL,
            )
        )
    return folder


def tuned(**settings):
    given = {"name": "second", "classes": "5-9", "init_from": "first"}
    return finetune(Config(forgetting=True, **{**SMALL, **given, **settings}))


@pytest.mark.slow
def test_what_is_frozen_is_not_computed_again(pretrained, tmp_path, caplog):
    shutil.copytree(pretrained, tmp_path, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        result = tuned(freeze="all", epochs=1)
    found = result.forgetting
    known = read_json(tmp_path / "runs/first/result.json")["metrics"]["test"]
    assert found["frozen"] and found["run"] == "first"
    assert found["before"] == found["after"]
    assert found["before"]["accuracy"] == known["accuracy"]
    assert "as before, since no pretrained weight has changed" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("lora", ["none", "lora(rank=2)"])
def test_the_head_of_pretraining_stands_on_the_new_backbone(
    pretrained, tmp_path, caplog, lora
):
    shutil.copytree(pretrained, tmp_path, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        result = tuned(freeze="none", lora=lora)
        found = result.forgetting
        first = tmp_path / "runs/first"
        model = load_model(first / run_dir.MODEL_FILE)
        head = model.get_layer("logits").get_weights()
        body = load_model(tmp_path / "runs/second" / run_dir.BACKBONE_FILE)
    known = read_json(first / "result.json")["metrics"]["test"]
    assert not found["frozen"]
    assert found["before"]["accuracy"] == known["accuracy"] > 0.5
    assert found["before"]["examples"] == found["after"]["examples"]
    assert found["after"]["loss"] != found["before"]["loss"]
    assert (
        read_json(tmp_path / "runs/second/result.json")["forgetting"] == found
    )
    told = [m for m in caplog.messages if m.startswith("Pretraining task: ")]
    report = (tmp_path / "runs/second/report.md").read_text(encoding="utf-8")
    assert len(told) == 1 and "Pretraining task: " in report
    # the digits 0 to 4 of the test split, by hand
    from keras_ptft.data import Loading, load
    from keras_ptft.data.core.classes import select_classes

    digits = select_classes(load("digits", Loading(image_size=8)), "0-4")
    test = digits.splits["test"]
    features = body(test.gather(np.arange(len(test))), training=False)
    predicted = np.argmax(features @ head[0] + head[1], axis=1)
    expected = np.mean(predicted == test.labels)
    assert found["after"]["accuracy"] == pytest.approx(expected)
    assert read_objective(first).info.label_names == tuple("01234")


@pytest.mark.slow
def test_a_fine_tuning_is_not_lost_to_what_cannot_be_scored(
    pretrained, tmp_path, caplog
):
    shutil.copytree(pretrained, tmp_path, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        flags = tmp_path / "runs/first/flags.flags"
        text = flags.read_text(encoding="utf-8")
        moved = text.replace("--dataset=digits", "--dataset=npz:moved.npz")
        write_text(flags, moved)
        found = tuned(freeze="none", epochs=1).forgetting
    assert set(found) == {"run", "not_measured"}
    assert "moved.npz" in found["not_measured"]
    assert "Pretraining task: not measured: " in caplog.text
