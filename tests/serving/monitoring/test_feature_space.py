"""Principal components of features, and distances in them."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from keras_ptft.serving.monitoring.feature_space import FeatureSpace


@pytest.fixture(scope="module")
def features():
    random = np.random.default_rng(0)
    mixed = random.normal(size=(400, 20)) * np.linspace(3, 0.2, 20)
    turn = np.linalg.qr(random.normal(size=(20, 20)))[0]
    return (mixed @ turn + 5).astype(np.float32)


def test_components_are_those_of_another_implementation(features):
    space, pca = FeatureSpace.of(features), PCA(8).fit(features)
    np.testing.assert_allclose(space.variances, pca.explained_variance_, 1e-3)
    cosines = np.abs((space.axes * pca.components_).sum(axis=1))
    np.testing.assert_allclose(cosines, 1, atol=1e-3)
    assert space.rest == pytest.approx(pca.noise_variance_, rel=1e-3)


def test_the_distance_is_that_of_the_gaussian(features):
    space = FeatureSpace.of(features)
    some = features[:9].astype(np.float64) - space.mean
    left = np.eye(20) - space.axes.T @ space.axes
    covariance = (space.axes.T * space.variances) @ space.axes
    inverse = np.linalg.inv(covariance + space.rest * left)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", some, inverse, some))
    found = space.coordinates(features[:9])
    np.testing.assert_allclose(found["feature distance"], expected)
    of_all = space.coordinates(features)
    assert list(of_all) == [
        *(f"feature {n}" for n in range(1, 9)),
        "feature distance",
    ]
    np.testing.assert_allclose(of_all["feature 1"].std(ddof=1), 1, 1e-3)
    # 20 squares of mean 1
    mean_square = np.mean(of_all["feature distance"] ** 2)
    assert mean_square == pytest.approx(20, rel=0.02)


def test_what_lies_beside_the_axes_is_far(features):
    space = FeatureSpace.of(features)
    beside = np.linalg.svd(space.axes)[2][-1]
    found = space.coordinates((space.mean + 9 * beside)[None])
    assert abs(found["feature 1"][0]) < 1e-6
    assert found["feature distance"][0] == pytest.approx(
        9 / np.sqrt(space.rest)
    )


def test_few_dimensions_leave_no_rest():
    line = np.outer(np.arange(10.0), (3, 4))
    space = FeatureSpace.of(line)
    assert space.axes.shape == (1, 2) and space.rest == 0
    far = space.coordinates(np.array([[13.5, 18]]))["feature distance"]
    assert far == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("fault", ["alike", "infinite", "one"])
def test_features_without_a_space(fault):
    rows = {
        "alike": np.ones((5, 3)),
        "infinite": np.full((5, 3), np.inf),
        "one": np.ones((1, 3)),
    }[fault]
    assert FeatureSpace.of(rows) is None


def test_a_file_keeps_it(features, tmp_path):
    space = FeatureSpace.of(features)
    space.save(tmp_path / "space.npz")
    again = FeatureSpace.load(tmp_path / "space.npz")
    for name, values in space.coordinates(features).items():
        assert (again.coordinates(features)[name] == values).all()
    # a mean, axes and variances, whatever the number of examples
    with np.load(tmp_path / "space.npz") as arrays:
        assert {name: arrays[name].shape for name in arrays} == {
            "mean": (20,),
            "axes": (8, 20),
            "variances": (8,),
            "rest": (),
        }
