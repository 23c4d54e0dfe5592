"""The step of a run whose loss was not finite, done again."""

import numpy as np
import pytest

import keras_ptft
from keras_ptft import Config, UserError
from keras_ptft.experiment import stages
from keras_ptft.experiment.replay import replay_table
from keras_ptft.training.replay import (
    Extent,
    Found,
    LayerRow,
    Replayed,
    looking_for,
)

BAD = Config(
    name="bad",
    image_size=8,
    epochs=2,
    optimizer="sgd",
    learning_rate=1000.0,
    normalization="none",
    backbone="mlp(hidden=[16, 16, 16], dropout=0.2)",
    near_copies=False,
)


def test_the_table_of_a_step():
    rows = [
        LayerRow("dense", Extent(255, True), Extent(2.5, True)),
        LayerRow(
            "logits", Extent(1e30, False), Extent(1, True), Extent(0, False)
        ),
    ]
    losses = np.array([0.5, np.nan])
    found = Replayed(1234, np.nan, 0.001, rows, losses, {})
    assert replay_table(found).splitlines() == [
        "Step 1,234: loss nan, learning rate 0.001. The first output that is "
        "not finite is of logits. The loss is not finite for 1 of 2 examples "
        "of the batch, the first are 1.",
        "",
        "layer           largest output    largest gradient  largest weight",
        "------  ----------------------  ------------------  --------------",
        "dense                      255                   –             2.5",
        "logits  not finite, else 1e+30  not finite, else 0               1",
    ]


@pytest.mark.slow
def test_a_run_is_replayed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="The loss is not finite at step") as e:
        stages.pretrain(BAD)
    assert "keras_ptft.replay('runs/bad') in Python" in str(e.value)
    kept = tmp_path / "runs/bad/nonfinite"
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    assert set(before) == {"flags.flags", "environment.json", "step.json"}
    capsys.readouterr()
    found = keras_ptft.replay("runs/bad")
    printed = capsys.readouterr().out
    assert printed == f"{replay_table(found)}\n"
    # nothing of the run has changed, and the batch is there
    stored = np.load(kept / "batch.npz")
    assert set(stored.files) == {"inputs", "targets", "weights"}
    np.testing.assert_array_equal(stored["inputs"], found.batch["inputs"])
    assert stored["inputs"].shape == (64, 8, 8, 1)
    for name, content in before.items():
        assert (kept / name).read_bytes() == content
    assert {p.name for p in (tmp_path / "runs").iterdir()} == {"bad"}
    names = [row.name for row in found.layers]
    assert names[-1] == "logits" and "dense1_dense" in names
    assert not all(
        row.outputs.finite and (not row.gradients or row.gradients.finite)
        for row in found.layers
    )

    # a training that was saved before is replayed from there
    saved = BAD.replace(
        name="saved", checkpoint_every="1", steps_per_execution=1
    )
    with pytest.raises(UserError, match="replay"):
        stages.pretrain(saved)
    assert len(list((tmp_path / "runs/saved").rglob("step-*.npz"))) == 1
    again = keras_ptft.replay("runs/saved")
    assert again.step == found.step
    assert [row.name for row in again.layers] == names
    np.testing.assert_array_equal(again.batch["inputs"], stored["inputs"])
    if again.step:
        assert again.layers == found.layers

    # the same folder takes a run that trains
    good = BAD.replace(
        learning_rate=0.001, normalization="dataset", epochs=1, overwrite=False
    )
    assert stages.pretrain(good).status == "complete"
    assert not kept.exists()


@pytest.mark.slow
def test_a_step_of_a_later_phase(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = Config(
        name="first",
        image_size=8,
        epochs=1,
        backbone="mlp(hidden=[8, 8])",
        near_copies=False,
        explain=False,
        jit_compile="false",
    )
    stages.pretrain(config)
    second = config.replace(
        name="second",
        init_from="first",
        backbone="",
        epochs=3,
        unfreeze="0:all,1:none",
        on_leak="warn",
    )
    with looking_for(22), pytest.raises(Found) as caught:
        stages.finetune(second)
    found = caught.value.replayed
    assert found.step == 22 and not found.first
    trained = [row.name for row in found.layers if row.gradients]
    assert trained == ["dense1_dense", "features_dense", "logits"]
    rows = (tmp_path / "runs/second/history.csv").read_text().splitlines()
    assert len(rows) == 2
