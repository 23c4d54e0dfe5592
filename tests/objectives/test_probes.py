"""Heads that are solved: the same as scikit-learn's own."""

import keras
import numpy as np
import pytest
import scipy.special
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.objectives.classification import (
    Classification,
    balanced_weights,
)
from keras_ptft.objectives.linear_head import Rows
from keras_ptft.objectives.masked_tokens import MaskedTokens
from keras_ptft.objectives.probes import PROBES
from keras_ptft.registry import lookup
from keras_ptft.training.forward import outputs_of
from tests.infos import text_info

NAMES = tuple("0123456789")


@pytest.fixture(scope="module")
def digits():
    """Rows of real digits: 64 features, some of which are always 0."""
    features, labels = load_digits(return_X_y=True)
    return features.astype(np.float32), labels


def rows(digits, start, stop, weights=None):
    features, labels = digits[0][start:stop], digits[1][start:stop]
    weights = np.ones(len(labels)) if weights is None else weights
    return Rows(features, labels, weights)


def probe(spec):
    return lookup(PROBES, spec, "probe")


def probabilities(found, features):
    return scipy.special.softmax(features @ found.kernel + found.bias, axis=1)


def head_of(classes=10, width=64):
    inputs = keras.Input((width,))
    outputs = keras.layers.Dense(classes, name="logits")(inputs)
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("spec", "scaler"),
    [
        ("lbfgs(C=0.5, standardise=True)", StandardScaler()),
        ("lbfgs(C=0.0001)", "passthrough"),
    ],
)
def test_the_head_is_that_of_scikit_learn(digits, spec, scaler, weighted):
    weights = np.linspace(0.2, 3.0, 1000) if weighted else None
    train = rows(digits, 0, 1000, weights)
    C = lookup(PROBES, spec, "probe").kwargs["C"]
    expected = make_pipeline(
        scaler, LogisticRegression(C=C, tol=1e-10, max_iter=20000)
    )
    expected.fit(
        train.features.astype(np.float64),
        train.targets,
        logisticregression__sample_weight=weights,
    )
    found = probe(spec)(train, None)
    assert found.converged and (found.setting, found.value) == ("C", C)
    assert (found.kernel.dtype, found.bias.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(
        probabilities(found, digits[0]),
        expected.predict_proba(digits[0].astype(np.float64)),
        atol=1e-5,
    )


def test_of_two_classes_there_are_two_logits(digits):
    two = digits[1] < 2
    train = Rows(digits[0][two], digits[1][two], np.ones(two.sum()))
    expected = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, tol=1e-10, max_iter=20000)
    ).fit(train.features.astype(np.float64), train.targets)
    found = probe("lbfgs(C=0.1, standardise=True)")(train, None)
    assert found.kernel.shape == (64, 2)
    np.testing.assert_allclose(
        probabilities(found, train.features),
        expected.predict_proba(train.features.astype(np.float64)),
        atol=1e-5,
    )


def test_C_is_the_one_with_the_lowest_validation_loss(digits):
    train, validation = rows(digits, 0, 500), rows(digits, 500, 700)
    found = probe("lbfgs(standardise=True)")(train, validation)
    losses = found.validation_losses
    assert list(losses) == sorted(losses) and min(losses) == 1e-5
    assert min(losses, key=losses.get) == found.value
    # two worse ones end the search
    assert [*losses].index(found.value) == len(losses) - 3
    given = probe(f"lbfgs(C={found.value}, standardise=True)")(
        train, validation
    )
    assert given.validation_losses == {}
    np.testing.assert_allclose(
        probabilities(found, validation.features),
        probabilities(given, validation.features),
        atol=1e-5,
    )
    chosen = probabilities(found, validation.features)
    by_hand = -np.log(chosen[np.arange(200), validation.targets]).mean()
    assert losses[found.value] == pytest.approx(by_hand, rel=1e-3)


def test_the_validation_loss_is_weighted_too(digits):
    train = rows(digits, 0, 500)
    # only the first example counts
    weights = np.zeros(200)
    weights[0] = 1.0
    found = probe("lbfgs")(train, rows(digits, 500, 700, weights))
    chosen = probabilities(found, digits[0][500:501])[0, digits[1][500]]
    assert found.validation_losses[found.value] == pytest.approx(
        -np.log(chosen), rel=1e-3
    )


def test_a_solver_that_was_stopped_says_so(digits):
    found = probe("lbfgs(C=1.0, max_iter=3)")(rows(digits, 0, 500), None)
    assert (found.iterations, found.converged) == (3, False)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("lbfgs", r"C on the validation split, and there is none: set --val"),
        ("lbfgs(C=-1)", "Setting 'C' must be at least 0, got -1.0"),
        ("lbfgs(max_iter=0)", "Setting 'max_iter' must be at least 1, got 0"),
        ("ridge", r"alpha on the validation split.*or --probe=ridge\(alpha=1"),
        ("ridge(alpha=-1)", "Setting 'alpha' must be at least 0, got -1.0"),
        ("none", "--probe=none solves no head: use --probe=lbfgs"),
    ],
)
def test_what_a_probe_cannot_solve(digits, spec, message):
    with pytest.raises(UserError, match=message):
        probe(spec)(rows(digits, 0, 100), None)


def test_classification_takes_the_head(digits):
    head, train = head_of(), rows(digits, 0, 1000)
    objective = Classification(DataInfo(label_names=NAMES))
    found = objective.solve(head, probe("lbfgs(C=0.01)"), {"train": train})
    logits = outputs_of(head, ArraySource(train.features, train.targets))
    np.testing.assert_allclose(
        scipy.special.softmax(logits, axis=1),
        probabilities(found, train.features),
        atol=1e-6,
    )
    assert (logits.argmax(axis=1) == train.targets).mean() > 0.95


def test_balanced_classes_are_scikit_learns(digits):
    few = np.flatnonzero((digits[1] != 3) | (np.arange(len(digits[1])) < 300))
    features, labels = digits[0][few], digits[1][few]
    weights = balanced_weights(labels)[labels]
    found = probe("lbfgs(C=0.01, standardise=True)")(
        Rows(features, labels, weights), None
    )
    expected = make_pipeline(
        StandardScaler(),
        LogisticRegression(
            C=0.01, tol=1e-10, max_iter=20000, class_weight="balanced"
        ),
    ).fit(features.astype(np.float64), labels)
    np.testing.assert_allclose(
        probabilities(found, features),
        expected.predict_proba(features.astype(np.float64)),
        atol=1e-5,
    )


def test_what_classification_cannot_solve(digits):
    objective = Classification(DataInfo(label_names=(*NAMES, "ten")))
    head, lbfgs = head_of(11), probe("lbfgs(C=1.0)")
    train = rows(digits, 0, 100)
    with pytest.raises(UserError, match="every class, and 'ten' has none"):
        objective.solve(head, lbfgs, {"train": train})
    objective = Classification(DataInfo(label_names=NAMES))
    broken = np.where(train.features == 0, np.nan, train.features)
    broken = Rows(broken, train.targets, train.weights)
    with pytest.raises(UserError, match="needs finite features"):
        objective.solve(head_of(), lbfgs, {"train": broken})
    # what C is chosen on must be finite too
    both = {"train": train, "validation": broken}
    with pytest.raises(UserError, match="needs finite features"):
        objective.solve(head_of(), lbfgs, both)


def test_an_objective_says_what_solves_its_head(digits):
    solved = {k: kind.probe for k, kind in OBJECTIVES.items() if kind.probe}
    assert solved == {
        "classification": "lbfgs",
        "multi_label": "lbfgs",
        "regression": "ridge",
    }
    assert set(solved.values()) <= set(PROBES)
    objective = MaskedTokens(
        text_info(("[PAD]", "[UNK]", "[MASK]", "[END]", "a"), sequence_length=4)
    )
    train = {"train": rows(digits, 0, 100)}
    with pytest.raises(UserError, match="MaskedTokens has none that is solved"):
        objective.solve(head_of(), probe("lbfgs"), train)
