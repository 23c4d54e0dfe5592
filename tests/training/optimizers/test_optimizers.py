"""Optimizers do what their settings say."""

import keras
import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.registry import lookup
from keras_ptft.training.optimizers import OPTIMIZERS, make_optimizer


def make(text, **settings):
    settings = {"learning_rate": 0.1, "total_steps": 10} | settings
    return make_optimizer(text, "constant", **settings)


OPTIMIZER_CASES = {
    "sgd": ("sgd(momentum=0.9, nesterov=True)", keras.optimizers.SGD),
    "adam": ("adam(beta_1=0.8, epsilon=1e-5)", keras.optimizers.Adam),
    "adamw": ("adamw(weight_decay=0.1)", keras.optimizers.AdamW),
}


def test_every_optimizer_has_a_case():
    assert set(OPTIMIZER_CASES) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(name):
    text, kind = OPTIMIZER_CASES[name]
    optimizer = make(text, clip_norm=2.0)
    assert isinstance(optimizer, kind)
    assert optimizer.global_clipnorm == 2.0
    settings = lookup(OPTIMIZERS, text, "optimizer").kwargs
    for setting, value in settings.items():
        assert getattr(optimizer, setting) == value


def test_clipping_scales_to_the_global_norm():
    optimizer = make("sgd", clip_norm=1.0)
    weights = [keras.Variable([0.0]), keras.Variable([0.0])]
    gradients = [np.array([3.0], "float32"), np.array([4.0], "float32")]
    optimizer.apply_gradients(zip(gradients, weights, strict=True))
    # the norm is 5, so the gradients become 0.6 and 0.8
    found = [float(weight.numpy()[0]) for weight in weights]
    assert found == pytest.approx([-0.06, -0.08], rel=1e-5)


def test_adamw_does_not_decay_biases():
    optimizer = make("adamw(weight_decay=0.5)", learning_rate=0.1)
    kernel = keras.Variable([1.0], name="kernel")
    bias = keras.Variable([1.0], name="bias")
    zero = np.zeros(1, "float32")
    optimizer.apply_gradients([(zero, kernel), (zero, bias)])
    assert float(kernel.numpy()[0]) == pytest.approx(1 - 0.1 * 0.5)
    assert float(bias.numpy()[0]) == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sgd(momentum=1.5)", "'momentum' must be from 0 to 1"),
        ("adam(beta_1=-1)", "'beta_1' must be from 0 to 1"),
        ("adamw(weight_decay=-1)", "'weight_decay' must be at least 0"),
        ("adm", 'did you mean "adam"'),
        ("sgd(momentun=0.9)", 'did you mean "momentum"'),
    ],
)
def test_impossible_optimizers(text, message):
    with pytest.raises(UserError, match=message):
        make(text)
