"""Optimizers do what their settings say."""

import keras
import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.registry import lookup
from keras_ptft.training.optimizers import OPTIMIZERS, make_optimizer
from keras_ptft.training.optimizers.schedule_free import ScheduleFreeAdamW


def make(text, **settings):
    settings = {"learning_rate": 0.1, "total_steps": 10} | settings
    return make_optimizer(text, "constant", **settings)


OPTIMIZER_CASES = {
    "sgd": ("sgd(momentum=0.9, nesterov=True)", keras.optimizers.SGD),
    "adam": ("adam(beta_1=0.8, epsilon=1e-5)", keras.optimizers.Adam),
    "adamw": ("adamw(weight_decay=0.1)", keras.optimizers.AdamW),
    "lion": ("lion(weight_decay=0.1, beta_2=0.9)", keras.optimizers.Lion),
    "adafactor": (
        "adafactor(beta_2_decay=-0.5, clip_threshold=2)",
        keras.optimizers.Adafactor,
    ),
    "muon": ("muon(momentum=0.9, adam_beta_1=0.8)", keras.optimizers.Muon),
    "schedule_free_adamw": (
        "schedule_free_adamw(warmup_steps=5, beta_1=0.8)",
        ScheduleFreeAdamW,
    ),
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


def after(text, gradients, value, name="kernel", **settings):
    """A variable of an optimizer after one step a gradient."""
    variable = keras.Variable(value, dtype="float32", name=name)
    optimizer = make(text, **settings)
    for gradient in gradients:
        optimizer.apply([np.array(gradient, "float32")], [variable])
    return variable.numpy()


DECAYING = ("adamw", "lion", "adafactor", "muon", "schedule_free_adamw")


@pytest.mark.parametrize("name", DECAYING)
def test_weights_decay_but_biases_do_not(name):
    text = f"{name}(weight_decay=0.5)"
    kernel = after(text, [[0.0]], [1.0])
    assert float(kernel[0]) == pytest.approx(1 - 0.1 * 0.5)
    assert float(after(text, [[0.0]], [1.0], name="bias")[0]) == 1.0


def test_lion_by_hand():
    # signs of 0.1 * [4, -8] and of 0.9 * 0.01 * [4, -8] + 0.1 * [-1, -1]
    found = after("lion(weight_decay=0)", [[4, -8], [-1, -1]], [1, 1])
    np.testing.assert_allclose(found, [1 - 0.1 + 0.1, 1 + 0.1 + 0.1])


def test_adafactor_by_hand():
    # the first step is the sign of the gradient, times the learning rate,
    # times the root mean square of the variable, of [3, 4] 12.5 ** 0.5
    found = after("adafactor", [[5, -2]], [3, 4])
    step = 0.1 * 12.5**0.5
    np.testing.assert_allclose(found, [3 - step, 4 + step], rtol=1e-6)
    # squares of a matrix of rank 1 are the product of its factors; updates
    # of size 1 are clipped to 0.5
    found = after(
        "adafactor(clip_threshold=0.5)", [[[1, 2], [-3, -6]]], [[2, 2], [2, 2]]
    )
    expected = [[1.9, 1.9], [2.1, 2.1]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_adafactor_steps_shrink_in_the_end():
    # from step 4 on, 1 / sqrt(t) is below a learning rate of 0.5
    ones = [[1.0]] * 4
    values = [
        after("adafactor", ones[:n], [1.0], learning_rate=0.5) for n in (3, 4)
    ]
    assert values[1] == pytest.approx(values[0] * (1 - 0.5))


def test_muon_by_hand():
    # the iteration keeps a rotation and changes its size, from that at which
    # the squares of all entries add up to 1
    size = 0.5**0.5
    for _ in range(5):
        size = 3.4445 * size - 4.775 * size**3 + 2.0315 * size**5
    gradient = np.array([[0, -7], [7, 0]])
    zero = np.zeros((2, 2))
    found = after("muon(weight_decay=0)", [gradient], zero)
    # 0.2 times the root of the larger side is what Adam's updates are like
    expected = -0.1 * size * 0.2 * 2**0.5 * np.sign(gradient)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["logits", "embedding_table"])
def test_muon_leaves_heads_and_embeddings_to_adam(name):
    layer = keras.layers.Dense(2, name=name)
    layer.build((None, 2))
    layer.set_weights([np.zeros((2, 2)), np.zeros(2)])
    gradients = [np.array([[1, 2], [3, 4]], "float32"), np.zeros(2, "float32")]
    make("muon").apply(gradients, layer.trainable_variables)
    np.testing.assert_allclose(layer.kernel, np.full((2, 2), -0.1), rtol=1e-5)


def test_muon_of_an_old_keras(monkeypatch):
    monkeypatch.setattr(keras, "__version__", "3.12.4")
    with pytest.raises(UserError, match=r"needs Keras 3.13, this is 3.12.4"):
        make("muon")


def test_averages_are_kept_once():
    assert make("adam", ema=0.9).ema_momentum == 0.9
    with pytest.raises(UserError, match=r"keeps averages .* leave --ema out"):
        make("schedule_free_adamw", ema=0.9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sgd(momentum=1.5)", "'momentum' must be from 0 to 1"),
        ("adam(beta_1=-1)", "'beta_1' must be from 0 to 1"),
        ("adamw(weight_decay=-1)", "'weight_decay' must be at least 0"),
        ("lion(beta_1=0)", "'beta_1' must be from 1e-06 to 1"),
        ("adafactor(beta_2_decay=1)", "'beta_2_decay' must be from -1 to 0"),
        ("adafactor(clip_threshold=0)", "'clip_threshold' must be at least"),
        ("muon(momentum=2)", "'momentum' must be from 0 to 1"),
        ("schedule_free_adamw(warmup_steps=-1)", "'warmup_steps' must be at"),
        ("adm", 'did you mean "adam"'),
        ("sgd(momentun=0.9)", 'did you mean "momentum"'),
    ],
)
def test_impossible_optimizers(text, message):
    with pytest.raises(UserError, match=message):
        make(text)


def test_schedule_free_refuses_a_schedule():
    for schedule in ("cosine", "constant(warmup_steps=3)"):
        with pytest.raises(UserError, match="needs --schedule=constant"):
            make_optimizer(
                "schedule_free_adamw",
                schedule,
                learning_rate=0.1,
                total_steps=10,
            )
