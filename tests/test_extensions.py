"""register: entries of a user's own, by name, in every process."""

import sys

import keras
import pytest

from keras_ptft import Config, Metric, UserError, extensions, register
from keras_ptft.data.core.info import DataInfo
from keras_ptft.evaluation.metrics import classifier_metrics
from keras_ptft.experiment import builders
from keras_ptft.models.saved import load_model
from keras_ptft.objectives.classification import Classification
from keras_ptft.objectives.objective import Objective
from keras_ptft.objectives.saved import make_objective
from keras_ptft.training.optimizers import OPTIMIZERS, make_optimizer

pytestmark = pytest.mark.usefixtures("restored_tables")


def nadam(learning_rate, /, *, beta_1: float = 0.9):
    return keras.optimizers.Nadam(learning_rate, beta_1)


class Doubled(Classification):
    def loss(self, targets, outputs):
        return 2 * super().loss(targets, outputs)


class Unfinished(Objective):
    def head(self, features):
        return features


def test_a_setting_names_what_was_registered():
    register("optimizer", "nadam", nadam)
    builders.check(Config(optimizer="nadam(beta_1=0.8)"))
    made = make_optimizer(
        "nadam(beta_1=0.8)", "constant", learning_rate=0.1, total_steps=1
    )
    assert made.beta_1 == 0.8
    with pytest.raises(UserError, match="must be float, got 'x'"):
        builders.check(Config(optimizer="nadam(beta_1='x')"))


def test_an_objective_by_name():
    register("objective", "doubled", Doubled)
    info = DataInfo(label_names=("cat", "dog"))
    assert isinstance(make_objective("doubled", info), Doubled)


def test_a_metric_is_computed_for_every_classifier():
    register("metric", "rows", Metric("rows", of_classifier=_count))
    found = classifier_metrics(_ones(3), keras.ops.eye(3, 2).numpy())
    assert found["rows"] == 3.0


def _count(labels, logits):
    assert logits.shape == (3, 2)
    return float(len(labels))


def _ones(count):
    return keras.ops.ones(count, "int64").numpy()


def test_what_was_registered_is_replaced():
    register("optimizer", "mine", nadam)
    register("optimizer", "mine", lambda rate, /: rate)
    assert OPTIMIZERS["mine"](0.5) == 0.5


@pytest.mark.parametrize(
    "kind, name, entry, told",
    [
        ("optimiser", "x", nadam, "kind 'optimiser' (did you mean \"optimi"),
        ("optimizer", "adam", nadam, "'adam' is a part of keras_ptft: choose"),
        ("optimizer", "my adam", nadam, "must be letters, digits and"),
        ("optimizer", "x", "adam", "must be a function, got 'adam'"),
        ("optimizer", "x", lambda rate: rate, "must take (learning_rate, /,"),
        ("metric", "x", nadam, "must be a Metric, got <function nadam"),
        ("objective", "x", nadam, "a class derived from Objective, got"),
        ("objective", "x", dict, "a class derived from Objective, got"),
        ("objective", "x", Unfinished, "methods loss, metrics, transform,"),
    ],
)
def test_what_cannot_be_registered(kind, name, entry, told):
    with pytest.raises(UserError) as caught:
        register(kind, name, entry)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", sorted(extensions._TABLES))
def test_every_row_of_a_table_has_the_form_that_is_asked_for(kind):
    rows = list(extensions._table(kind).values())
    for row in rows:
        extensions._check_form("row", row, rows)
        if kind in extensions._OF_SETTINGS:
            extensions._check_context("row", row, rows[0])


MODULE = """
import keras
import keras_ptft

keras_ptft.register("optimizer", "mine", lambda rate, /: rate)
"""


def test_modules_of_the_environment_are_imported(tmp_path, monkeypatch):
    (tmp_path / "its_own_entries.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("KERAS_PTFT_MODULES", " its_own_entries, json,")
    extensions.import_modules()
    assert "mine" in OPTIMIZERS
    assert sys.modules.pop("its_own_entries")


@pytest.mark.parametrize(
    "code, told",
    [
        ("import no_such_package", "(ModuleNotFoundError: No module named"),
        ("1 / 0", "(ZeroDivisionError: division by zero): put its folder"),
        ("raise SystemExit(0)", "(SystemExit: 0): put its folder"),
    ],
)
def test_a_module_that_fails_is_named(code, told, tmp_path, monkeypatch):
    (tmp_path / "broken_entries.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("KERAS_PTFT_MODULES", "broken_entries")
    with pytest.raises(UserError) as caught:
        extensions.import_modules()
    assert "KERAS_PTFT_MODULES names 'broken_entries', which" in str(
        caught.value
    )
    assert told in str(caught.value)


def test_an_unknown_name_tells_of_modules():
    with pytest.raises(UserError, match="KERAS_PTFT_MODULES names modules"):
        builders.check(Config(objective="xyz"))


def test_a_layer_whose_module_is_not_imported(tmp_path):
    @keras.saving.register_keras_serializable(package="tests")
    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    inputs = keras.Input((2,))
    path = tmp_path / "own.keras"
    keras.Model(inputs, Own()(inputs)).save(path)
    assert load_model(path).output_shape == (None, 2)
    keras.saving.get_custom_objects().pop("tests>Own")
    with pytest.raises(UserError, match="or name it in KERAS_PTFT_MODULES"):
        load_model(path)
