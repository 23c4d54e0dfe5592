"""Heads of several labels: the same as scikit-learn's, one a label."""

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
from keras_ptft.data.core.targets import SETS
from keras_ptft.errors import UserError
from keras_ptft.objectives.linear_head import Rows
from keras_ptft.objectives.multi_label import MultiLabel
from keras_ptft.objectives.probes import PROBES
from keras_ptft.registry import lookup

NAMES = ("even", "prime", "above 4")


@pytest.fixture(scope="module")
def digits():
    """Rows of real digits, and what is true of each."""
    features, digit = load_digits(return_X_y=True)
    flags = [digit % 2 == 0, np.isin(digit, (2, 3, 5, 7)), digit > 4]
    return features.astype(np.float32), np.stack(flags, 1).astype(np.float32)


def rows(digits, start, stop, weights=None):
    features, flags = digits[0][start:stop], digits[1][start:stop]
    weights = np.ones(len(flags)) if weights is None else weights
    return Rows(features, flags, weights)


def probe(spec):
    return lookup(PROBES, spec, "probe")


def probabilities(found, features):
    return scipy.special.expit(found.outputs(features))


def sklearn_probabilities(train, features, scaler="passthrough", *, C):
    found = []
    for flags in train.targets.T:
        model = make_pipeline(
            scaler, LogisticRegression(C=C, tol=1e-10, max_iter=20000)
        )
        model.fit(
            train.features.astype(np.float64),
            flags,
            logisticregression__sample_weight=train.weights,
        )
        found.append(model.predict_proba(features.astype(np.float64))[:, 1])
    return np.stack(found, 1)


def solved(digits, flags, names):
    """A head that `MultiLabel` has set, its objective, and what was found."""
    info = DataInfo(label_names=names, label_kind=SETS)
    objective = MultiLabel(info)
    features = keras.Input((64,), name="vector")
    head = keras.Model(features, objective.head(features))
    parts = {
        name: Rows(digits[0][part], flags[part], np.ones(len(flags[part])))
        for name, part in (
            ("train", slice(0, 300)),
            ("validation", slice(300, 500)),
        )
    }
    found = objective.solve(head, probe("lbfgs(standardise=True)"), parts)
    return head, objective, found


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("spec", "scaler", "C"),
    [
        ("lbfgs(C=0.5, standardise=True)", StandardScaler(), 0.5),
        ("lbfgs(C=0.0001)", "passthrough", 0.0001),
    ],
)
def test_each_label_is_as_scikit_learn_has_it(
    digits, spec, scaler, C, weighted
):
    weights = np.linspace(0.2, 3.0, 1000) if weighted else None
    train = rows(digits, 0, 1000, weights)
    found = probe(spec)(train, None)
    assert found.converged and (found.setting, found.value) == ("C", C)
    assert (found.kernel.shape, found.bias.shape) == ((64, 3), (3,))
    np.testing.assert_allclose(
        probabilities(found, digits[0]),
        sklearn_probabilities(train, digits[0], scaler, C=C),
        atol=1e-5,
    )


def test_one_C_is_the_one_with_the_lowest_mean_loss(digits):
    train, validation = rows(digits, 0, 300), rows(digits, 300, 500)
    found = probe("lbfgs(standardise=True)")(train, validation)
    losses = found.validation_losses
    assert min(losses, key=losses.get) == found.value
    # two worse ones end the search
    assert [*losses].index(found.value) == len(losses) - 3
    for C, loss in losses.items():
        chances = sklearn_probabilities(
            train, validation.features, StandardScaler(), C=C
        )
        true = np.where(validation.targets == 1, chances, 1 - chances)
        assert loss == pytest.approx(-np.log(true).mean(), rel=1e-3)


def test_the_loss_is_weighted(digits):
    weights = np.zeros(200)
    weights[0] = 1.0
    validation = rows(digits, 300, 500, weights)
    found = probe("lbfgs")(rows(digits, 0, 300), validation)
    chances = probabilities(found, digits[0][300:301])
    true = np.where(digits[1][300] == 1, chances, 1 - chances)
    assert found.validation_losses[found.value] == pytest.approx(
        -np.log(true).mean(), rel=1e-3
    )


def test_a_solver_that_was_stopped_says_so(digits):
    found = probe("lbfgs(C=1.0, max_iter=3)")(rows(digits, 0, 300), None)
    assert (found.iterations, found.converged) == (3, False)


def test_multi_label_takes_the_head(digits, caplog):
    head, objective, found = solved(digits, digits[1], NAMES)
    source = ArraySource(
        digits[0][300:500], name="vector", values=digits[1][300:500]
    )
    # C was chosen by the objective's loss
    score = objective.score(head, source)
    assert score["loss"] == pytest.approx(
        found.validation_losses[found.value], rel=1e-3
    )
    assert score["f1_micro"] > 0.85
    assert "the answer is the same" not in caplog.text


def test_a_label_without_examples_has_a_constant_answer(digits, caplog):
    flags = np.insert(digits[1], [1, 3], [[1.0, 0.0]], axis=1)
    names = ("even", "digit", "prime", "above 4", "letter")
    # two of the validation split are what no training example is
    flags[300, 1], flags[301, 4] = 0.0, 1.0
    head, _, found = solved(digits, flags, names)
    assert np.isfinite([*found.validation_losses.values()]).all()
    chances = scipy.special.expit(head(digits[0]).numpy())
    # of 300 all, and none: as if one more had it and one had not
    assert chances[:, 1] == pytest.approx(301 / 302)
    assert chances[:, 4] == pytest.approx(1 / 302)
    plain = Rows(digits[0][:300], digits[1][:300], np.ones(300))
    np.testing.assert_allclose(
        chances[:, [0, 2, 3]],
        sklearn_probabilities(
            plain, digits[0], StandardScaler(), C=found.value
        ),
        atol=1e-5,
    )
    assert "Label 'digit': each of the training examples has it" in caplog.text
    assert "Label 'letter': none of the training examples has" in caplog.text


def test_features_must_be_finite(digits):
    broken = np.where(digits[0] == 0, np.nan, digits[0]), digits[1]
    with pytest.raises(UserError, match="needs finite features"):
        solved(broken, digits[1], NAMES)
