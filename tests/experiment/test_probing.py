"""Fine-tunings whose head is solved, on the bundled digits."""

import os
import pathlib

import keras
import numpy as np
import pytest
import scipy.special
from sklearn.linear_model import LogisticRegression

from keras_ptft import Config, UserError
from keras_ptft.experiment import stages
from keras_ptft.experiment.loading import load_dataset
from keras_ptft.training.forward import outputs_of

FIRST = Config(
    explain=False,
    name="first",
    classes="0-4",
    backbone="cnn(filters=[6, 8], dense=32)",
    image_size=8,
    epochs=2,
    jit_compile="false",
)
SECOND = Config(
    explain=False,
    name="second",
    classes="5-9",
    init_from="first",
    image_size=8,
    freeze="all",
    probe="lbfgs",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a pretrained run."""
    folder = tmp_path_factory.mktemp("probing")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        stages.pretrain(FIRST)
    return folder


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def solved(**settings):
    return stages.finetune(SECOND.replace(**settings))


def model_of(name, file="model.keras"):
    return keras.saving.load_model(f"runs/{name}/{file}", compile=False)


def splits_of(config):
    return load_dataset(config, None, "warn").dataset.splits


def expected_probabilities(config, **settings):
    """Scikit-learn's own, on the test split, from features of the run."""
    backbone = model_of("first", "backbone.keras")
    train, test = (splits_of(config)[name] for name in ("train", "test"))
    regression = LogisticRegression(tol=1e-10, max_iter=20000, **settings)
    regression.fit(outputs_of(backbone, train).astype(np.float64), train.labels)
    features = outputs_of(backbone, test).astype(np.float64)
    return regression.predict_proba(features)


def saved_probabilities(config):
    logits = outputs_of(model_of(config.name), splits_of(config)["test"])
    return scipy.special.softmax(logits, axis=1)


@pytest.mark.parametrize(
    ("settings", "of_scikit_learn"),
    [
        ({}, {}),
        ({"class_weight": "balanced", "train_examples": 200}, "balanced"),
    ],
)
def test_the_saved_model_answers_as_scikit_learn(settings, of_scikit_learn):
    config = SECOND.replace(name="equal", probe="lbfgs(C=0.3)", overwrite=True)
    config = config.replace(**settings)
    result = stages.finetune(config)
    weights = {"class_weight": of_scikit_learn or None}
    np.testing.assert_allclose(
        saved_probabilities(config),
        expected_probabilities(config, C=0.3, **weights),
        atol=1e-5,
    )
    assert result.plan["reason"] == "solved by lbfgs (C=0.3)"
    assert result.plan["converged"] and result.plan["iterations"] > 3
    assert result.trained_parameters == 32 * 5 + 5


@pytest.mark.slow
def test_everything_that_a_run_leaves(caplog):
    result = solved(learning_rate=0.1, train_examples=100)
    assert "Not used, since nothing is trained: --learning_rate=0.1" in (
        caplog.text
    )
    losses = result.plan["validation_losses"]
    best = min(losses, key=losses.get)
    assert result.plan["reason"] == f"solved by lbfgs (C={best})"
    assert f"Plan: solved by lbfgs (C={best}), in" in caplog.text
    assert result.metrics["validation"]["loss"] == pytest.approx(
        losses[best], rel=1e-3
    )
    assert result.history == [] and result.steps == {}
    assert result.audit == {"frozen_variables": 6, "changed": []}
    assert result.comparison[0]["trained_parameters"] == 32 * 5 + 5
    names = {path.name for path in pathlib.Path("runs/second").iterdir()}
    assert {"result.json", "report.html", "model.keras"} <= names
    assert not {"history.csv", "tensorboard", "checkpoints"} & names
    # killed before the end: solved again
    os.remove("runs/second/result.json")
    again = solved(learning_rate=0.1, train_examples=100)
    assert again.metrics == result.metrics and again.resumed == []


@pytest.mark.slow
def test_two_replicas_find_the_same():
    one = solved(name="one", probe="lbfgs(C=1.0)")
    two = solved(
        name="two",
        probe="lbfgs(C=1.0)",
        strategy="mirrored",
        runs_dir="elsewhere",
        init_from="runs/first",
    )
    assert (one.plan["replicas"], two.plan["replicas"]) == (1, 2)
    weights = model_of("one").get_weights()
    other = model_of("../elsewhere/two").get_weights()
    for value, found in zip(weights, other, strict=True):
        np.testing.assert_allclose(value, found, atol=1e-5)


@pytest.mark.slow
def test_all_augmented_views_are_rows():
    # more views than epochs
    settings = {"augment": "shift(padding=1)", "augment_views": 4, "epochs": 1}
    config = SECOND.replace(name="views", probe="lbfgs(C=0.3)", **settings)
    stages.finetune(config)
    entries = pathlib.Path("runs/.features").iterdir()
    examples = len(splits_of(config)["train"])
    rows = [path.stat().st_size == examples * 32 * 4 + 4 for path in entries]
    assert sum(rows) >= 4
    plain = saved_probabilities(config)
    unlike = expected_probabilities(config, C=0.3)
    assert np.abs(plain - unlike).max() > 1e-3


@pytest.mark.slow
def test_it_is_compared_with_a_training_from_scratch(caplog):
    result = solved(name="both", compare_scratch=True, epochs=3)
    assert "Not used" not in caplog.text
    assert [row["epoch"] for row in result.scratch.history] == [1, 2, 3]
    assert result.history == []
    assert len(result.comparison) == 2


def tuned(name, **settings):
    """Tuned from a solved head."""
    settings = {"probe": "lbfgs(C=0.3)", "epochs": 2, "name": name} | settings
    return SECOND.replace(jit_compile="false", **settings)


# too little to change a float32
STANDING = {"optimizer": "sgd", "learning_rate": 1e-30}


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"freeze": "conv2"}),
        pytest.param({"freeze": "none"}, marks=pytest.mark.slow),
        pytest.param(
            {"freeze": "", "unfreeze": "0:all,1:none"}, marks=pytest.mark.slow
        ),
        pytest.param(
            {"freeze": "", "lora": "lora(rank=2)", "augment": "flip"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_training_starts_from_the_solved_head(settings, caplog):
    config = tuned("from_solved", overwrite=True, **STANDING, **settings)
    result = stages.finetune(config)
    np.testing.assert_allclose(
        saved_probabilities(config),
        expected_probabilities(config, C=0.3),
        atol=1e-5,
    )
    assert "Head: solved by lbfgs (C=0.3), in" in caplog.text
    assert "Not used" not in caplog.text
    assert [row["epoch"] for row in result.history] == [1, 2]
    assert result.trained_parameters > 32 * 5 + 5


@pytest.mark.slow
def test_the_solved_head_reads_features_that_a_probe_has_computed(caplog):
    solved(name="probe", probe="lbfgs(C=0.3)")
    caplog.clear()
    stages.finetune(tuned("shares", freeze="none"))
    assert "Features of 720 examples are in runs" in caplog.text
    assert "Computing features" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ema": 0.9}, "nothing, so --ema=0.9 has no meaning: leave it out"),
        ({"layer_decay": 0.9}, "so --layer_decay=0.9 has no meaning"),
        ({"sampling": "balanced"}, "so --sampling=balanced has no meaning"),
        ({"augment": "flip"}, "got --augment=flip: set --augment_views=4"),
        (
            {"objective": "tagging"},
            "linear head, got --objective=tagging, which has none that is sol",
        ),
        (
            {"probe": "ridge"},
            "another head, got --objective=classification: use --probe=lbfgs",
        ),
        (
            {"objective": "classification(label_smoothing=0.1)"},
            "with label_smoothing=0.0 alone, got --objective=classification",
        ),
        (
            {"objective": "classification(focal=2.0)"},
            "with focal=0.0 alone, got .*: leave out focal, or the probe",
        ),
        (
            {"probe": "svm"},
            "Unknown probe 'svm'; there are: lbfgs, none, ridge",
        ),
    ],
)
def test_settings_that_a_probe_cannot_follow(settings, message):
    # before anything is loaded: there is no such model
    with pytest.raises(UserError, match=message):
        solved(name="wrong", init_from="missing", **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"feature_cache_gb": 0.0},
            "needs the features of all examples: rai",
        ),
        ({"validation_fraction": 0.0}, "C on the validation split, and there"),
    ],
)
def test_what_cannot_be_solved_leaves_nothing(settings, message):
    with pytest.raises(UserError, match=message):
        solved(name="wrong", **settings)
    assert not os.path.exists("runs/wrong")
