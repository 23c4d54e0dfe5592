"""The whole state of a training is copied, and restored to the bit."""

from functools import partial

import keras
import numpy as np
import pytest

from keras_ptft.training.checkpointing.state import capture, restore
from keras_ptft.training.fit import FitConfig, fit
from tests.training.small import STATEFUL_CNN, mlp


@pytest.fixture
def train(splits):
    return {"train": splits["train"]}


def assert_same(one, other):
    assert list(one) == list(other)
    for name, array in one.items():
        assert array.dtype == other[name].dtype
        assert np.array_equal(array, other[name]), name


def per_replica(model):
    """The arrays that differ between replicas: those of metrics."""
    arrays = capture(model).items()
    return {n: a for n, a in arrays if n.endswith(("total", "count"))}


def count_of(model):
    """Examples seen by each replica."""
    arrays = per_replica(model).items()
    return next(a for n, a in arrays if "count" in n).tolist()


@pytest.mark.parametrize("replicas", ["auto", "mirrored"])
def test_what_is_captured_is_restored(make_model, train, replicas):
    model = make_model(STATEFUL_CNN, replicas=replicas, optimizer="adam")
    fit(model, train, FitConfig(epochs=1))
    before = capture(model)
    fit(model, train, FitConfig(epochs=1, seed=5))
    assert int(before[f"{len(before) - 2:04d} step"]) == 22
    changed = {n for n, a in capture(model).items() if (a != before[n]).any()}
    restore(model, before)
    assert_same(capture(model), before)
    # the second epoch counts as many examples as the first
    names = {name.partition(" ")[2] for name in before.keys() - changed}
    assert names == {"learning_rate", "failed_step", "count"}


def test_it_holds_all_that_the_next_step_depends_on(make_model, train):
    model = make_model(STATEFUL_CNN, optimizer="adam")
    fit(model, train, FitConfig(epochs=1))
    names = [name.partition(" ")[2] for name in capture(model)]
    for part in ("kernel", "moving_mean", "seed_generator_state", "iteration"):
        assert any(part in name for name in names), part
    assert {"step", "failed_step"} <= set(names)
    assert sum("momentum" in n or "velocity" in n for n in names) >= 8
    assert [names.count(name) for name in ("total", "count")] == [2, 2]


def test_metrics_of_each_replica_are_kept_apart(make_model, train):
    model = make_model(replicas="mirrored")
    fit(model, train, FitConfig(epochs=1))
    # 22 steps of 64 examples, half of each batch on either
    assert count_of(model) == [704.0, 704.0]


def test_the_loss_scale_is_part_of_it(make_model):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = make_model()
    finally:
        keras.config.set_dtype_policy("float32")
    assert any("dynamic_scale" in name for name in capture(model))


def test_another_model_is_refused(make_model):
    arrays = capture(make_model())
    message = r"expected '0000 .*' of shape \(64, 8\), got \(64, 16\)"
    with pytest.raises(ValueError, match=message):
        restore(make_model(partial(mlp, hidden=8)), arrays)
    with pytest.raises(ValueError, match="got None"):
        restore(make_model(optimizer="adam"), arrays)


def test_another_number_of_replicas_has_the_same_sums(make_model, train):
    one, two = make_model(), make_model(replicas="mirrored")
    fit(two, train, FitConfig(epochs=1))
    restore(one, capture(two))
    assert count_of(one) == [1408.0]
    assert_same(
        per_replica(one),
        {n: a.sum(0)[None] for n, a in per_replica(two).items()},
    )
    restore(two, capture(one))
    assert count_of(two) == [1408.0, 0.0]
    assert int(two.step.numpy()) == 22
