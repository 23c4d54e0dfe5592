"""Heads of numbers: the same as scikit-learn's ridge regression."""

import keras
import numpy as np
import pytest
from sklearn import linear_model
from sklearn.datasets import load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import NUMBERS, target_of
from keras_ptft.objectives.linear_head import Rows
from keras_ptft.objectives.probes import PROBES
from keras_ptft.objectives.regression import Regression
from keras_ptft.registry import lookup
from keras_ptft.training.forward import outputs_of


@pytest.fixture(scope="module")
def patients():
    """442 rows of ten measurements, as the hospital took them."""
    features, values = load_diabetes(return_X_y=True, scaled=False)
    return features.astype(np.float32), values.astype(np.float32)


def rows(patients, start, stop, weights=None):
    features, values = patients[0][start:stop], patients[1][start:stop]
    weights = np.ones(len(values)) if weights is None else weights
    return Rows(features, values, weights)


def probe(spec):
    return lookup(PROBES, spec, "probe")


def sklearn_values(train, features, scaler="passthrough", *, alpha):
    model = make_pipeline(scaler, linear_model.Ridge(alpha))
    model.fit(
        train.features.astype(np.float64),
        train.targets.astype(np.float64),
        ridge__sample_weight=train.weights,
    )
    return model.predict(features.astype(np.float64))


@pytest.mark.parametrize("weighted", [False, True])
# more examples than features, and fewer
@pytest.mark.parametrize("count", [300, 8])
@pytest.mark.parametrize(
    ("spec", "scaler", "alpha"),
    [
        ("ridge(alpha=3.0, standardise=True)", StandardScaler(), 3.0),
        ("ridge(alpha=50)", "passthrough", 50.0),
    ],
)
def test_the_head_is_that_of_scikit_learn(
    patients, spec, scaler, alpha, count, weighted
):
    weights = np.linspace(0.2, 3.0, count) if weighted else None
    train = rows(patients, 0, count, weights)
    found = probe(spec)(train, None)
    assert (found.setting, found.value) == ("alpha", alpha)
    assert (found.iterations, found.converged) == (0, True)
    assert (found.kernel.shape, found.bias.shape) == ((10, 1), (1,))
    assert (found.kernel.dtype, found.bias.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(
        found.outputs(patients[0])[:, 0],
        sklearn_values(train, patients[0], scaler, alpha=alpha),
        rtol=0,
        # of a standard deviation, the unit in which a head is solved
        atol=1e-5 * patients[1].std(),
    )


def test_the_slope_by_hand():
    # of x = -1, 0, 1 and y = 0, 1, 5: xy = 5 and xx = 2
    x = np.array([[-1.0], [0.0], [1.0]], np.float32)
    train = Rows(x, np.array([0.0, 1.0, 5.0]), np.ones(3))
    found = probe("ridge(alpha=3)")(train, None)
    assert found.kernel.tolist() == [[5 / (2 + 3)]]
    assert found.bias.tolist() == [2.0]


def test_alpha_is_the_one_with_the_lowest_validation_loss(patients):
    train, validation = rows(patients, 0, 50), rows(patients, 50, 150)
    found = probe("ridge(standardise=True)")(train, validation)
    losses = found.validation_losses
    assert [*losses] == [10.0**n for n in range(8, -6, -1)]
    assert min(losses, key=losses.get) == found.value
    for alpha, loss in losses.items():
        values = sklearn_values(
            train, validation.features, StandardScaler(), alpha=alpha
        )
        by_hand = np.mean((values - validation.targets) ** 2)
        assert loss == pytest.approx(by_hand, rel=1e-5)
    # neither end: there was a choice
    assert 1e-5 < found.value < 1e8
    given = probe(f"ridge(alpha={found.value}, standardise=True)")(train, None)
    assert given.validation_losses == {}
    np.testing.assert_array_equal(found.kernel, given.kernel)


def test_the_validation_loss_is_weighted_too(patients):
    # only the first example counts
    weights = np.zeros(100)
    weights[0] = 1.0
    validation = rows(patients, 50, 150, weights)
    found = probe("ridge")(rows(patients, 0, 50), validation)
    error = found.outputs(patients[0][50:51])[0, 0] - patients[1][50]
    assert found.validation_losses[found.value] == pytest.approx(
        error**2, rel=1e-3
    )


def test_features_that_never_differ_count_nothing(patients):
    train = rows(patients, 0, 100)
    same = np.full((100, 2), 7.0, np.float32)
    wider = Rows(
        np.hstack([train.features, same]), train.targets, train.weights
    )
    found = probe("ridge(alpha=0.00001, standardise=True)")(wider, None)
    assert found.kernel[10:].tolist() == [[0.0], [0.0]]
    np.testing.assert_allclose(
        found.outputs(wider.features)[:, 0],
        sklearn_values(train, train.features, StandardScaler(), alpha=1e-5),
        rtol=1e-5,
    )


def test_regression_takes_the_head_in_the_units_of_the_data(patients):
    train, validation = rows(patients, 0, 300), rows(patients, 300, 442)
    target = target_of(train.targets, "progression")
    objective = Regression(DataInfo(label_kind=NUMBERS, target=target))
    features = keras.Input((10,), name="vector")
    head = keras.Model(features, objective.head(features))
    found = objective.solve(
        head, probe("ridge"), {"train": train, "validation": validation}
    )
    source = ArraySource(
        validation.features, name="vector", values=validation.targets
    )
    np.testing.assert_allclose(
        outputs_of(head, source)[:, 0],
        sklearn_values(train, validation.features, alpha=found.value),
        rtol=1e-5,
    )
    # alpha was chosen by the objective's loss
    assert objective.score(head, source)["loss"] == pytest.approx(
        found.validation_losses[found.value], rel=1e-5
    )
