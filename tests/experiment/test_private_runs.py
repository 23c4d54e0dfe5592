"""Private runs on the bundled digits, from settings to what they spent."""

import os
import shutil

import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment import stages
from keras_ptft.files import read_json
from keras_ptft.privacy.accounting import spent

PRIVATE = Config(
    name="private",
    explain=False,
    image_size=8,
    backbone="mlp(hidden=[32])",
    normalization="unit",
    privacy="dp_sgd(epsilon=8, delta=1e-4, clip=0.5)",
    optimizer="sgd(momentum=0.9)",
    learning_rate=2.0,
    batch_size=128,
    epochs=8,
    jit_compile="false",
    checkpoint_every="20",
    keep_checkpoints=99,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a private run."""
    folder = tmp_path_factory.mktemp("private")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        stages.pretrain(PRIVATE)
    return folder


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_a_run_learns_and_tells_what_it_spent():
    result = read_json("runs/private/result.json")
    assert result["metrics"]["test"]["accuracy"] > 0.6
    told = result["privacy"]
    # 1,305 training examples make 10 steps an epoch
    assert told["steps"] == 80
    assert told["sampling_rate"] == pytest.approx(128 / 1305)
    assert told["capacity"] > 128 + 4 * 11
    assert 7.8 < told["epsilon"] <= told["epsilon_asked"] == 8.0
    again = spent(told["noise_multiplier"], told["sampling_rate"], 80, 1e-4)
    assert told["epsilon"] == again
    assert (told["delta"], told["clip"]) == (1e-4, 0.5)
    kept = read_json("runs/private/privacy.json")
    assert kept == {**told, "batch_key": kept["batch_key"]}


def test_a_resumed_run_keeps_its_account():
    shutil.copytree("runs/private", "runs/resumed")
    for path in ("result.json", "model.keras", "backbone.keras"):
        os.remove(f"runs/resumed/{path}")
    kept = sorted(os.listdir("runs/resumed/checkpoints"))
    os.remove(f"runs/resumed/checkpoints/{kept[-1]}")
    result = stages.pretrain(PRIVATE.replace(name="resumed"))
    assert result.resumed
    settled = read_json("runs/private/privacy.json")
    key = settled.pop("batch_key")
    assert result.privacy == settled
    assert read_json("runs/resumed/privacy.json")["batch_key"] == key


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "contrastive"}, "--objective=contrastive: it compares"),
        ({"mix": "mixup"}, "--mix=mixup: each example"),
        ({"sampling": "balanced"}, "--sampling=balanced: each"),
        ({"privacy": "dp_sgd(epsilon=8, delta=0.1)"}, "below 1 / 1,305 examp"),
        ({"batch_size": 2000}, "takes 2,000 examples a step, and there"),
        ({"backbone": "cnn(filters=[4], batch_norm=True)"}, "over the batch"),
    ],
    ids=str,
)
def test_what_cannot_be_private(settings, message):
    run = PRIVATE.replace(name="refused", epochs=1, **settings)
    with pytest.raises(UserError, match=message) as caught:
        stages.pretrain(run)
    assert "\n" not in str(caught.value)
    assert not os.path.exists("runs/refused")
