"""Attacks on runs that remember their training examples, and on others."""

import pathlib
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import ArraySource, Config, Dataset, UserError, evaluate
from keras_ptft.experiment import accounts, attacks
from keras_ptft.experiment.attacks import shadows
from keras_ptft.experiment.attacks.shadows import confidence, halves
from keras_ptft.experiment.attacks.target import balanced
from keras_ptft.experiment.results import read_result
from keras_ptft.experiment.scoring import score
from keras_ptft.experiment.stages import finetune, pretrain
from keras_ptft.files import read_json, read_text, write_text
from keras_ptft.main import main
from keras_ptft.models.saved import load_model
from keras_ptft.objectives.saved import read_objective

PLAIN = {"explain": False, "jit_compile": "false"}
DIGITS = Config(
    dataset="digits",
    image_size=8,
    train_examples=100,
    backbone="mlp(hidden=[64])",
    batch_size=25,
    learning_rate=0.01,
    epochs=30,
    **PLAIN,
)
NAMES = ("low", "high")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a run that has learned 100 digits by heart."""
    folder = tmp_path_factory.mktemp("attacks")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pretrain(DIGITS.replace(name="heart"))
    return folder


@pytest.fixture
def place(folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def table(count, seed):
    """Rows of two classes that noise hides, each with a number to predict."""
    numbers = np.random.default_rng(seed)
    rows = ["a,b,label"]
    for index in range(count):
        a, b = numbers.normal(index % 2, 1, 2)
        rows.append(f"{a:.3f},{b:.3f},{NAMES[index % 2]}")
    return "\n".join(rows)


@pytest.mark.usefixtures("place")
def test_what_was_learned_by_heart_is_found_out(capsys):
    assert main(["evaluate", "runs/heart", "--attack=loss"]) == 0
    out = capsys.readouterr().out
    found = read_json("runs/heart/result.json")["metrics"]["attack loss"]
    assert (found["members"], found["others"]) == (100, 100)
    low, high = found["intervals"]["auc"]
    assert 0.55 < low < found["auc"] < high
    assert found["generalisation"]["accuracy"]["members"] == 1.0
    assert found["generalisation"]["accuracy"]["others"] < 1.0
    assert "bound" not in found
    assert "better than by chance (AUC" in out
    assert "members found at 1 % false alarms" in out
    assert "Membership inference" in read_text("runs/heart/report.html")
    assert "- loss: An attacker" in read_text("runs/heart/report.md")
    # the scores of the run stand as they were
    assert read_result("runs/heart").metrics["test"]["examples"] > 300


@pytest.mark.usefixtures("place")
def test_a_guarantee_that_does_not_hold_is_told():
    folder = pathlib.Path("runs/heart")
    attacked = attacks.Attacked(
        folder,
        DIGITS.replace(name="heart"),
        types.SimpleNamespace(privacy={"epsilon": 0.1, "delta": 1e-5}),
        read_objective(folder),
        load_model(folder / "model.keras"),
    )
    found = attacks.attack("loss", attacked, None)
    assert found["bound"]["exceeded"] is True
    assert found["bound"]["most"]["advantage"] == pytest.approx(0.05, abs=1e-3)


@pytest.mark.usefixtures("place")
def test_only_the_run_s_own_data_are_attacked(capsys):
    words = ["evaluate", "runs/heart", "--attack=loss"]
    assert main([*words, "--dataset=digits"]) == 2
    assert capsys.readouterr().err == (
        "keras-ptft: --attack=loss is about what the run was trained on, got "
        "--dataset=digits: leave it out.\n"
    )
    assert main([*words, "--by=length"]) == 2
    assert "got --by=length: leave it out." in capsys.readouterr().err
    assert main([*words[:2], "--attack=los"]) == 2
    assert 'did you mean "loss"?' in capsys.readouterr().err


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    "spec, told",
    [
        ("lira(shadows=3)", "'shadows' of attack 'lira' must be even and from"),
        ("lira(shadows=2)", "from 4 to 1,000, got 2"),
        ("lira(seed=-1)", "'seed' of attack 'lira' must be at least 0, got -1"),
    ],
)
def test_settings_of_shadow_models(spec, told):
    with pytest.raises(UserError, match=told):
        score("runs/heart", attack=spec)


@pytest.mark.parametrize(
    "objective",
    [
        "distillation(alpha=1.0)",
        "next_token",
        "simcse",
        "skipgram",
        "supervised_contrastive",
    ],
)
def test_a_loss_that_does_not_stand_alone(objective):
    told = f"--objective={objective}".replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(UserError, match=f"{told} has none that stands alone"):
        attacks.check("loss", Config(objective=objective))


@pytest.mark.parametrize(
    "objective", ["classification", "distillation", "multi_label", "regression"]
)
def test_a_loss_that_stands_alone(objective):
    attacks.check("loss", Config(objective=objective))


def test_data_that_changed_since(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text("data.csv", table(120, 0))
    pretrain(
        Config(
            name="table",
            dataset="csv:data.csv",
            backbone="mlp(hidden=[4])",
            epochs=1,
            **PLAIN,
        )
    )
    found = evaluate("runs/table", attack="loss")
    assert found["members"] == found["others"] > 10
    write_text("data.csv", table(120, 1))
    with pytest.raises(UserError, match=r"trained with, and they have changed"):
        evaluate("runs/table", attack="loss")
    pathlib.Path("data.csv").unlink()
    with pytest.raises(UserError, match=r"data\.csv"):
        evaluate("runs/table", attack="loss")


def test_as_many_of_each_class():
    ours = np.array([0] * 30 + [1] * 5 + [2] * 4)
    theirs = np.array([1] * 9 + [0] * 20 + [3] * 7)
    one, other = balanced(ours, theirs)
    assert np.bincount(ours[one]).tolist() == [20, 5]
    assert np.bincount(theirs[other]).tolist() == [20, 5]
    assert len(np.unique(one)) == len(np.unique(other)) == 25


def test_each_example_is_in_half_of_the_models():
    labels = np.array([0] * 7 + [1] * 10)
    within = halves(labels, 6, 3)
    assert (within.sum(axis=0) == 3).all()
    assert (within[1] == ~within[0]).all()
    assert set(within[:, labels == 1].sum(axis=1).tolist()) == {5}
    assert set(within[:, labels == 0].sum(axis=1).tolist()) == {3, 4}
    assert (halves(labels, 6, 3) == within).all()
    assert (halves(labels, 6, 4) != within).any()


def test_confidences_do_not_round():
    logits = np.array([[2.0, 1.0, -1.0], [60.0, 0.0, 0.0]], np.float32)
    found = confidence(tf.constant([1, 0], tf.int64), tf.constant(logits))
    shares = np.exp(logits[0].astype(np.float64))
    p = shares[1] / shares.sum()
    # the probability of the second one is 1 in single precision
    expected = [np.log(p / (1 - p)), 60 - np.log(2)]
    assert found.numpy() == pytest.approx(expected, rel=1e-6)


def source(count, seed):
    numbers = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    inputs = numbers.normal(labels[:, None], 1, (count, 4)).astype(np.float32)
    return ArraySource(inputs, labels, name="vector")


def test_copies_in_the_test_split_are_not_asked_about(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train, test = source(40, 0), source(40, 1)
    every = tf.range(40, dtype=tf.int64)
    copied = train.gather(every[:6]).numpy()
    both = np.concatenate([test.gather(every).numpy(), copied])
    labels = np.concatenate([test.labels, train.labels[:6]])
    test = ArraySource(both, labels, name="vector")
    given = Dataset({"train": train, "test": test}, NAMES)
    run = {"name": "copies", "validation_fraction": 0.0, "on_leak": "warn"}
    config = Config(backbone="mlp(hidden=[4])", epochs=1, **run, **PLAIN)
    pretrain(config.replace(batch_size=40), dataset=given)
    found = evaluate("runs/copies", dataset=given, attack="loss")
    assert (found["members"], found["others"]) == (40, 40)
    assert found["notes"] == [
        "6 of 46 test examples are copies of training examples, and are not "
        "asked about"
    ]
    with pytest.raises(UserError, match="handed over as an object"):
        evaluate("runs/copies", attack="loss")
    given = Dataset({"train": train, "test": source(30, 2)}, NAMES)
    overwritten = config.replace(batch_size=40, overwrite=True)
    pretrain(overwritten, dataset=given)
    with pytest.raises(UserError, match=r"halves of 70 .* --batch_size=40"):
        evaluate("runs/copies", dataset=given, attack="lira")


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_who_stops_early_gives_away_less():
    pretrain(DIGITS.replace(name="early", epochs=3))
    early = evaluate("runs/early", attack="loss")
    heart = evaluate("runs/heart", attack="loss")
    assert early["auc"] < heart["auc"] - 0.05


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_a_private_run_gives_away_less(monkeypatch):
    # the same noise each time, or this would fail by chance now and then
    monkeypatch.setattr(accounts, "fresh_key", lambda: (20, 26))
    settings = {"normalization": "unit", "validation_fraction": 0.0}
    privacy = "dp_sgd(epsilon=1, delta=0.001)"
    pretrain(DIGITS.replace(name="private", privacy=privacy, **settings))
    private = evaluate("runs/private", attack="loss")
    heart = evaluate("runs/heart", attack="loss")
    assert private["auc"] < heart["auc"] - 0.05
    # (e - 1) / (e + 1), and a little for delta
    assert 0.45 < private["bound"]["most"]["advantage"] < 0.47


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_shadow_models_find_more_than_the_loss(caplog):
    caplog.set_level("INFO", "keras_ptft")
    by_loss = evaluate("runs/heart", attack="loss")
    found = evaluate("runs/heart", attack="lira(shadows=6)")
    assert found["auc"] > by_loss["auc"] + 0.03
    assert "Shadow model 6 of 6" in caplog.text
    assert not pathlib.Path("runs/heart/shadows").exists()
    metrics = read_result("runs/heart").metrics
    assert {"attack loss", "attack lira(shadows=6)"} < set(metrics)


@pytest.mark.slow
def test_an_interrupted_attack_is_resumed(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO", "keras_ptft")
    write_text("data.csv", table(120, 0))
    config = Config(dataset="csv:data.csv", epochs=1, batch_size=16, **PLAIN)
    pretrain(config.replace(name="first", backbone="mlp(hidden=[4])"))
    finetune(config.replace(name="second", init_from="first"))
    spec = "lira(shadows=4)"
    whole = evaluate("runs/second", attack=spec)
    train, begun = shadows._train, []

    def interrupted(config, *args):
        begun.append(config.name)
        if len(begun) == 3:
            raise KeyboardInterrupt
        train(config, *args)

    monkeypatch.setattr(shadows, "_train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate("runs/second", attack=spec)
    left = {path.name for path in pathlib.Path("runs/second/shadows").iterdir()}
    assert {"000.npy", "001.npy", "plan.json"} <= left
    assert evaluate("runs/second", attack=spec) == whole
    assert "Resuming the attack: 2 shadow models are trained." in caplog.text
    assert begun == ["000", "001", "002", "002", "003"]
