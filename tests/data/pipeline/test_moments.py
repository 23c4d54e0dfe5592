"""Mean and variance against NumPy's, padding left out."""

import numpy as np
import pytest

from keras_ptft.data import Loading, load
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.pipeline.moments import moments
from keras_ptft.errors import UserError


@pytest.mark.parametrize("shape", [(300, 4), (257, 3, 2), (1, 5)])
def test_by_the_last_axis(shape):
    values = np.random.default_rng(0).normal(1e4, 2, shape)
    source = ArraySource(
        values.astype(np.float32), np.zeros(len(values)), name="array"
    )
    mean, variance = moments(source)
    axes = tuple(range(len(shape) - 1))
    stored = values.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(mean, stored.mean(axes), rtol=1e-9)
    np.testing.assert_allclose(variance, stored.var(axes), rtol=1e-6)


def test_pixels_of_the_digits():
    source = load("digits", Loading(image_size=8)).splits["train"]
    pixels = source.gather(np.arange(len(source))).numpy()
    mean, variance = moments(source)
    assert mean[0] == pytest.approx(pixels.mean())
    assert variance[0] == pytest.approx(pixels.var())


def test_several_inputs_have_no_common_moments():
    several = ArraySource({"a": np.eye(2), "b": np.eye(2)}, [0, 1])
    with pytest.raises(UserError, match="one input, got a, b: use --normal"):
        moments(several)
