"""Fine-tunings whose head of numbers or of sets is solved."""

import os
import pathlib

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge

import keras_ptft
from keras_ptft import Config
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.experiment import stages
from keras_ptft.experiment.loading import load_dataset
from keras_ptft.files import read_json
from keras_ptft.training.forward import outputs_of

NAMES = ("even", "above 4", "ten")
BACKBONE = {"backbone": "mlp(hidden=[16])", "epochs": 1, "batch_size": 16}
BACKBONE |= {"explain": False, "jit_compile": "false"}
OF_NUMBERS = {"objective": "regression", "label_column": "progression"}
OF_SETS = {"objective": "multi_label", "label_columns": ",".join(NAMES)}
NUMBERS = Config(
    explain=False,
    name="numbers",
    dataset="csv:patients.csv",
    init_from="of_numbers",
    probe="ridge",
    **OF_NUMBERS,
)
SETS = Config(
    explain=False,
    name="sets",
    dataset="csv:digits.csv",
    init_from="of_sets",
    probe="lbfgs",
    **OF_SETS,
)


def write_csv(path, names, rows):
    text = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
    pathlib.Path(path).write_text(f"{','.join(names)}\n{text}\n", "utf-8")


def write_patients():
    """442 patients: ten measurements, and how far they are a year later."""
    bundled = datasets.load_diabetes()
    rows = np.column_stack([bundled.data, bundled.target])
    names = [*bundled.feature_names, "progression"]
    write_csv("first_patients.csv", names, rows[:120])
    write_csv("patients.csv", names, rows[120:])


def write_digits():
    """The digits, and what is true of each: of none that it is ten."""
    bundled = datasets.load_digits()
    digit = bundled.target
    rows = np.column_stack([bundled.data, digit % 2 == 0, digit > 4, digit > 9])
    names = [*bundled.feature_names, *NAMES]
    write_csv("first_digits.csv", names, rows[:300].astype(int))
    write_csv("digits.csv", names, rows[300:1000].astype(int))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with data, and pretrained runs of other examples."""
    folder = tmp_path_factory.mktemp("values")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_patients()
        write_digits()
        for name, dataset, settings in (
            ("of_numbers", "csv:first_patients.csv", OF_NUMBERS),
            ("of_sets", "csv:first_digits.csv", OF_SETS),
        ):
            config = Config(name=name, dataset=dataset, **settings, **BACKBONE)
            stages.pretrain(config)
    return folder


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def splits_of(config):
    return load_dataset(config, None, "warn").dataset.splits


def saved_outputs(config, split="test"):
    path = f"runs/{config.name}/model.keras"
    model = keras.saving.load_model(path, compile=False)
    return outputs_of(model, splits_of(config)[split]).astype(np.float64)


def features_of(config):
    """What the frozen backbone makes of "train" and "test", and "train"."""
    path = f"runs/{config.init_from}/backbone.keras"
    backbone = keras.saving.load_model(path, compile=False)
    splits = splits_of(config)
    found = [outputs_of(backbone, splits[name]) for name in ("train", "test")]
    return (*(x.astype(np.float64) for x in found), splits["train"].values)


def sklearn_numbers(config, alpha):
    train, test, values = features_of(config)
    return Ridge(alpha).fit(train, values.astype(np.float64)).predict(test)


def sklearn_probabilities(config, C):
    """Those of the labels that some examples have and others have not."""
    train, test, values = features_of(config)
    found = []
    for has in values.T[:2]:
        regression = LogisticRegression(C=C, tol=1e-10, max_iter=20000)
        found.append(regression.fit(train, has).predict_proba(test)[:, 1])
    return np.stack(found, axis=1)


def check_what_a_run_leaves(config, result, setting, caplog):
    """All that a solved classifier leaves; the value that was chosen."""
    losses = result.plan["validation_losses"]
    best = min(losses, key=losses.get)
    reason = f"solved by {config.probe} ({setting}={best})"
    assert result.plan["reason"] == reason and result.plan["converged"]
    assert f"Validation loss by {setting}: " in caplog.text
    assert f"Plan: {reason}" in caplog.text
    assert result.metrics["validation"]["loss"] == pytest.approx(
        losses[best], rel=1e-3
    )
    assert result.history == [] and result.steps == {}
    assert result.audit == {"frozen_variables": 2, "changed": []}
    names = {path.name for path in pathlib.Path("runs", config.name).iterdir()}
    assert {"result.json", "report.html", "model.keras"} <= names
    assert not {"history.csv", "tensorboard", "checkpoints"} & names
    return float(best)


def check_it_is_solved_again(config, result):
    """After a run that was killed before its end."""
    path = pathlib.Path("runs", config.name)
    before = (path / "model.keras").stat().st_mtime_ns
    os.remove(path / "result.json")
    again = stages.finetune(config)
    assert again.metrics == result.metrics and again.resumed == []
    # and a run that is complete is left as it is
    assert (path / "model.keras").stat().st_mtime_ns > before
    before = (path / "model.keras").stat().st_mtime_ns
    assert stages.finetune(config).metrics == result.metrics
    assert (path / "model.keras").stat().st_mtime_ns == before


def test_numbers_are_those_of_scikit_learn(caplog):
    config = NUMBERS
    result = stages.finetune(config)
    assert result.trained_parameters == 16 + 1
    alpha = check_what_a_run_leaves(config, result, "alpha", caplog)
    assert result.plan["iterations"] == 0
    values = splits_of(config)["train"].values
    expected = sklearn_numbers(config, alpha)
    np.testing.assert_allclose(
        saved_outputs(config)[:, 0],
        expected,
        rtol=0,
        # of a standard deviation, the unit in which the head is solved
        atol=1e-5 * values.std(),
    )
    true = splits_of(config)["test"].values
    error = np.abs(expected - true).mean()
    assert result.metrics["test"]["mae"] == pytest.approx(error, rel=1e-5)
    check_it_is_solved_again(config, result)


@pytest.mark.slow
def test_an_export_of_numbers_answers_as_the_run():
    config = NUMBERS.replace(
        name="published", probe="ridge(alpha=0.5)", export_to="saved/published"
    )
    result = stages.finetune(config)
    assert result.plan["reason"] == "solved by ridge (alpha=0.5)"
    assert result.plan["validation_losses"] == {}
    test = splits_of(config)["test"]
    inputs = test.gather(tf.range(len(test), dtype=tf.int64))
    served = tf.saved_model.load("saved/published/1").signatures
    found = served["serving_default"](vector=inputs)["value"].numpy()
    np.testing.assert_allclose(found, sklearn_numbers(config, 0.5), rtol=1e-5)
    report = pathlib.Path("runs/published/report.html").read_text("utf-8")
    assert "<td>ridge(alpha=0.5)</td>" in report
    assert "<h2>Predicted numbers</h2>" in report


def test_sets_are_those_of_scikit_learn(caplog):
    config = SETS.replace(learning_rate=0.1)
    result = stages.finetune(config)
    assert "nothing is trained: --learning_rate=0.1" in caplog.text
    assert result.trained_parameters == 16 * 3 + 3
    C = check_what_a_run_leaves(config, result, "C", caplog)
    assert result.plan["iterations"] > 3
    expected = sklearn_probabilities(config, C)
    found = scipy.special.expit(saved_outputs(config))
    np.testing.assert_allclose(found[:, :2], expected, atol=1e-5)
    # a label that no training example has
    rows = len(splits_of(config)["train"])
    assert found[:, 2] == pytest.approx(1 / (rows + 2))
    assert "Label 'ten': none of the training examples has it" in caplog.text
    check_it_is_solved_again(config, result)


@pytest.mark.slow
def test_an_export_of_sets_answers_as_the_run():
    config = SETS.replace(
        name="published_sets",
        probe="lbfgs(C=0.3, standardise=True)",
        export_to="saved/published_sets",
    )
    result = stages.finetune(config)
    assert result.plan["reason"] == "solved by lbfgs (C=0.3)"
    test = splits_of(config)["test"]
    inputs = test.gather(tf.range(len(test), dtype=tf.int64))
    served = tf.saved_model.load("saved/published_sets/1").signatures
    found = served["serving_default"](vector=inputs)
    np.testing.assert_allclose(
        found["logits"], saved_outputs(config), rtol=1e-5
    )
    thresholds = read_json("runs/published_sets/thresholds.json")
    assert list(thresholds) == list(NAMES)
    chosen = found["probabilities"].numpy() >= [*thresholds.values()]
    assert (found["chosen"].numpy() == chosen).all()
    path = pathlib.Path("runs/published_sets/report.html")
    report = path.read_text("utf-8")
    assert "<td>lbfgs(C=0.3, standardise=True)</td>" in report
    assert "<h2>Labels</h2>" in report


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        (
            NUMBERS,
            {"probe": "lbfgs(C=1.0)"},
            r"--probe=lbfgs\(C=1.0\) solves another head, got --objective="
            "regression: use --probe=ridge",
        ),
        (
            SETS,
            {"probe": "ridge"},
            "another head, got --objective=multi_label: use --probe=lbfgs",
        ),
        (
            NUMBERS,
            {"objective": "regression(loss='mae')"},
            r"--probe=ridge minimises the loss with loss=mse alone, got "
            r"--objective=regression\(loss='mae'\): leave out loss, or the",
        ),
        (NUMBERS, {"mix": "mixup"}, "so --mix=mixup has no meaning"),
        (NUMBERS, {"class_weight": "balanced"}, "is for classes, of which an"),
        (SETS, {"class_weight": "balanced"}, "is for classes, of which an"),
    ],
)
def test_settings_that_a_probe_cannot_follow(config, settings, message):
    # before anything is loaded: there is no such model
    wrong = config.replace(name="wrong", init_from="missing", **settings)
    with pytest.raises(keras_ptft.UserError, match=message):
        stages.finetune(wrong)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (NUMBERS, r"chooses alpha .* none: set .* or --probe=ridge\(alpha=1.0"),
        (SETS, r"chooses C on .* none: set .* or --probe=lbfgs\(C=1.0\)"),
    ],
)
def test_what_cannot_be_chosen_leaves_nothing(config, message):
    wrong = config.replace(name="wrong", validation_fraction=0.0)
    with pytest.raises(keras_ptft.UserError, match=message):
        stages.finetune(wrong)
    assert not os.path.exists("runs/wrong")


@pytest.mark.slow
def test_a_loss_that_is_written_out_may_stay():
    config = NUMBERS.replace(
        name="written", objective="regression(loss='mse')", probe="ridge"
    )
    assert stages.finetune(config).plan["converged"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "probe"),
    [(NUMBERS, "ridge(alpha=1.0)"), (SETS, "lbfgs(C=1.0)")],
)
def test_two_replicas_find_the_same(config, probe):
    one = config.replace(name=f"one_{config.name}", probe=probe)
    two = one.replace(name=f"two_{config.name}", strategy="mirrored")
    assert stages.finetune(one).plan["replicas"] == 1
    assert stages.finetune(two).plan["replicas"] == 2
    np.testing.assert_allclose(
        saved_outputs(one), saved_outputs(two), rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
def test_all_augmented_views_are_rows():
    bundled = datasets.load_digits()
    images, digit = bundled.images[..., None].astype(np.uint8), bundled.target
    values = np.stack([digit % 2 == 0, digit > 4, digit > 9], axis=1)
    first, second = (
        Dataset(
            {"train": ArraySource(images[part], values=values[part])}, NAMES
        )
        for part in (slice(0, 300), slice(300, 600))
    )
    settings = {"objective": "multi_label", "epochs": 1}
    parent = Config(name="images", backbone="cnn(filters=[4])", **settings)
    stages.pretrain(parent, dataset=first)
    config = Config(
        name="views",
        init_from="images",
        probe="lbfgs(C=1.0)",
        augment="shift(padding=1)",
        augment_views=3,
        **settings,
    )
    result = stages.finetune(config, dataset=second)
    rows = 3 * result.data["splits"]["train"]["used"]
    model = keras.saving.load_model("runs/views/model.keras", compile=False)
    # no row has the last label: its bias is the log of one more than the rows
    bias = model.get_layer("logits").get_weights()[1]
    assert bias[2] == pytest.approx(-np.log(rows + 1), rel=1e-6)
    assert result.metrics["test"]["f1_micro"] > 0.6
