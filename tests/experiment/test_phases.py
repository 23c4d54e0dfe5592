"""Gradual unfreezing, on the bundled digits."""

import itertools
import os
import pathlib
import shutil

import keras
import numpy as np
import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment import stages
from keras_ptft.experiment.phases import Phases
from keras_ptft.files import read_json
from tests.alike import differences
from tests.kill import Recipe, after, killed, undisturbed
from tests.training.small import timeless

FIRST = Config(
    explain=False,
    name="first",
    classes="0-4",
    backbone="cnn(filters=[4, 6], dense=8, batch_norm=True, dropout=0.2)",
    image_size=8,
    epochs=1,
    train_examples=200,
    jit_compile="false",
)
SECOND = Config(
    explain=False,
    name="second",
    classes="5-9",
    init_from="first",
    image_size=8,
    train_examples=200,
    batch_size=40,
    learning_rate=0.01,
    schedule="cosine",
    epochs=4,
    unfreeze="0:all,1:conv2,3:conv1",
    jit_compile="false",
)
RESUMED = SECOND.replace(
    name="resumed",
    checkpoint_every="3",
    keep_checkpoints=99,
    steps_per_execution=1,
    early_stopping_patience=4,
    ema=0.9,
    layer_decay=0.8,
    l2_sp=0.01,
)
# an epoch has 5 steps, so phases begin at steps 0, 5 and 15
SCHEDULE_FREE = RESUMED.replace(
    name="free",
    optimizer="schedule_free_adamw(warmup_steps=3)",
    schedule="constant",
    ema=0.0,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a pretrained run."""
    folder = tmp_path_factory.mktemp("phases")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        stages.pretrain(FIRST)
    return folder


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def tuned(**settings):
    return stages.finetune(SECOND.replace(**settings))


def weights_of(name, file="model.keras"):
    model = keras.saving.load_model(f"runs/{name}/{file}", compile=False)
    return {weight.path: weight.numpy() for weight in model.weights}


def assert_equal_bits(one, other):
    assert one.keys() == other.keys()
    assert [k for k in one if not np.array_equal(one[k], other[k])] == []


@pytest.mark.slow
def test_each_phase_moves_its_layers_alone(monkeypatch, caplog):
    snapshots = []
    cut = Phases.cut

    def recorded(self, index):
        values = {v.path: v.numpy() for v in self._model.weights}
        snapshots.append(values)
        return cut(self, index)

    monkeypatch.setattr(Phases, "cut", recorded)
    result = tuned()
    snapshots.append(weights_of("second"))
    moved = [
        {path for path in one if not np.array_equal(one[path], other[path])}
        for one, other in itertools.pairwise(snapshots)
    ]
    head = {"logits/kernel", "logits/bias"}
    dense = {"features_dense/kernel", "features_dense/bias"}
    # its statistics stay, as in any fine-tuning
    conv2 = {"conv2_conv/kernel", "conv2_bn/gamma", "conv2_bn/beta"}
    assert moved == [head, head | dense, head | dense | conv2]
    for line in (
        "done: 0. From here on the backbone is frozen, 45 parameters trained.",
        "done: 1. From here on frozen up to conv2, 101 parameters trained.",
        "done: 3. From here on frozen up to conv1, 329 parameters trained.",
    ):
        assert line in caplog.text
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4]
    # a cosine over all 20 steps; the rate is that after the epoch
    rates = [row["learning_rate"] for row in result.history]
    expected = [0.005 * (1 + np.cos(np.pi * n / 4)) for n in (1, 2, 3, 4)]
    np.testing.assert_allclose(rates, expected, atol=1e-8)
    assert result.trained_parameters == 329
    assert result.audit["changed"] == []


@pytest.mark.slow
def test_a_phase_that_was_not_reached_trains_no_layer():
    # nothing gets better without a learning rate
    result = tuned(
        name="early",
        unfreeze="0:all,3:conv1",
        learning_rate=0.0,
        early_stopping_patience=1,
    )
    assert [row["epoch"] for row in result.history] == [1, 2]
    trained = {row["name"]: row["trained"] for row in result.transfer["layers"]}
    assert trained["logits"] == 45 and sum(trained.values()) == 45


@pytest.mark.slow
def test_one_phase_is_plain_freezing():
    settings = {"epochs": 2, "ema": 0.9, "layer_decay": 0.8}
    one = tuned(name="phase", unfreeze="0:conv1", **settings)
    plain = tuned(name="plain", unfreeze="", freeze="conv1", **settings)
    assert timeless(one.history) == timeless(plain.history)
    assert_equal_bits(weights_of("phase"), weights_of("plain"))


@pytest.fixture(scope="module")
def uninterrupted(folder):
    """A folder with whole runs, which average, decay and watch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for config in (RESUMED, SCHEDULE_FREE):
            stages.finetune(config)
            name = config.name
            shutil.copytree(folder / "runs" / name, folder / "expected" / name)
    return folder / "expected"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "last", "resumed"),
    [
        (RESUMED, 4, 3),
        (RESUMED, 5, 5),
        (RESUMED, 8, 6),
        (RESUMED, 15, 15),
        (RESUMED, 19, 18),
        (RESUMED, 20, 20),
        (SCHEDULE_FREE, 8, 6),
        (SCHEDULE_FREE, 15, 15),
        (SCHEDULE_FREE, 20, 20),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_it_resumes_to_the_same_bits(uninterrupted, config, last, resumed):
    whole, run = uninterrupted / config.name, pathlib.Path("runs", config.name)
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(whole, run)
    for name in ("result.json", "report.html", "model.keras", "backbone.keras"):
        (run / name).unlink()
    for path in (run / "checkpoints").iterdir():
        if int(path.name.split("-")[1]) > last:
            path.unlink()
    again = stages.finetune(config)
    assert again.resumed == [resumed]
    assert differences(whole, run) == []


@pytest.mark.slow
def test_a_process_that_is_killed_goes_on_without_a_schedule(folder, tmp_path):
    words = (
        f"finetune --name=x --init_from={folder}/runs/first --classes=5-9 "
        "--unfreeze=0:all,1:conv2,3:conv1 --epochs=4 --train_examples=200 "
        "--batch_size=40 --optimizer=schedule_free_adamw(warmup_steps=3) "
        "--ema=0 --checkpoint_every=4 --steps_per_execution=1 "
        "--explain=false"
    )
    # steps 4, 5 and 8: the last is in the second phase
    aims = (after("checkpoints/step-*", 3),)
    recipe = Recipe(words, aims)
    whole, place = tmp_path / "whole", tmp_path / "killed"
    undisturbed(recipe, whole)
    assert killed(recipe, place, aims, whole) == list(aims)
    assert read_json(place / "runs/x/result.json")["resumed"] == [8]
    assert differences(whole, place) == []


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "schedule_free_adamw"])
def test_a_layer_that_is_freed_later_begins_at_the_learning_rate(optimizer):
    # one step an epoch, and the last one frees the layer
    name = f"late-{optimizer}"
    tuned(
        name=name,
        optimizer=optimizer,
        schedule="constant",
        batch_size=200,
        epochs=9,
        unfreeze="0:all,8:conv2",
    )
    path = "features_dense/kernel"
    moved = weights_of(name)[path] - weights_of("first")[path]
    # weights decay too, a hundred times less
    assert np.abs(moved).max() == pytest.approx(0.01, rel=1e-2)


@pytest.mark.slow
def test_the_average_that_is_scored_is_saved():
    result = tuned(
        name="average",
        optimizer="schedule_free_adamw",
        schedule="constant",
        ema=0.0,
    )
    loss = result.metrics["validation"]["loss"]
    assert result.history[-1]["val_loss"] == pytest.approx(loss, rel=1e-5)
    assert result.audit["changed"] == []


@pytest.mark.slow
def test_two_replicas_train_alike():
    # without dropout, which drops other values in each replica
    settings = {
        "backbone": "cnn(filters=[4, 6], dense=8, batch_norm=True)",
        "optimizer": "sgd(momentum=0.9)",
        "ema": 0.9,
        "unfreeze": "0:all,1:conv1",
        "epochs": 2,
    }
    one = tuned(name="one", **settings)
    two = tuned(name="two", strategy="mirrored", **settings)
    assert (one.plan["replicas"], two.plan["replicas"]) == (1, 2)
    weights, other = weights_of("one"), weights_of("two")
    for path, value in weights.items():
        np.testing.assert_allclose(value, other[path], atol=1e-5)


@pytest.mark.slow
def test_the_best_weights_of_an_earlier_phase_come_back():
    # the head is at its best before all else is unfrozen, at a high rate
    result = tuned(
        name="best_early",
        unfreeze="0:all,1:conv2,5:none",
        early_stopping_patience=1,
        ema=0.5,
        optimizer="sgd",
        schedule="constant",
        learning_rate=3.0,
        epochs=9,
    )
    losses = [row["val_loss"] for row in result.history]
    assert np.argmin(losses) == 0 and len(losses) == 2
    found = result.metrics["validation"]["loss"]
    assert found == pytest.approx(min(losses), rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze": "conv1"}, "and --freeze=conv1 exclude each other: leave"),
        ({"lora": "lora(rank=2)"}, r"and --lora=lora\(rank=2\) exclude each"),
        ({"unfreeze": "0:all,4:none"}, "changes in epoch 4, and the last of"),
        ({"unfreeze": "conv1"}, "must be cut points by the epoch"),
    ],
)
def test_settings_that_contradict_it(settings, message):
    # before anything is loaded: there is no such model
    with pytest.raises(UserError, match=message):
        tuned(name="wrong", init_from="missing", **settings)


@pytest.mark.parametrize(
    ("cuts", "message"),
    [
        ("0:all,1:conv9", 'Cannot freeze up to .conv9. .did you mean "conv2"'),
        (
            "0:conv1,1:conv2",
            "'conv2' frees no more than 'conv1' before it:",
        ),
        ("0:all,1:features", "'features' frees no more than 'all' before it"),
    ],
)
def test_cut_points_that_free_nothing(cuts, message):
    with pytest.raises(UserError, match=message):
        tuned(name="wrong", unfreeze=cuts)
    assert not os.path.exists("runs/wrong")


def test_pretraining_freezes_nothing():
    with pytest.raises(UserError, match="belongs to fine-tuning: use finetune"):
        stages.pretrain(FIRST.replace(name="x", unfreeze="0:all"))
