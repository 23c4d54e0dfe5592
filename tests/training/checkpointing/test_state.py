"""All that a loop holds is copied, and put back to the bit."""

import keras
import numpy as np
import pytest

from keras_ptft.training.checkpointing.state import capture, restore
from keras_ptft.training.fit import FitConfig, fit

BACKBONE = "cnn(filters=[4], dense=8, batch_norm=True, dropout=0.3)"


@pytest.fixture
def splits(digits):
    return {"train": digits.splits["train"]}


def assert_same(one, other):
    assert list(one) == list(other)
    for name, array in one.items():
        assert array.dtype == other[name].dtype
        assert np.array_equal(array, other[name]), name


def own_of(loop):
    """What each replica has for itself: metrics."""
    arrays = capture(loop).items()
    return {n: a for n, a in arrays if n.endswith(("total", "count"))}


def count_of(loop):
    """Examples seen, one number a replica."""
    return next(a for n, a in own_of(loop).items() if "count" in n).tolist()


@pytest.mark.parametrize("replicas", ["auto", "mirrored"])
def test_what_is_captured_is_restored(make_loop, splits, replicas):
    loop = make_loop(BACKBONE, replicas=replicas, optimizer="adam")
    fit(loop, splits, FitConfig(epochs=1))
    before = capture(loop)
    fit(loop, splits, FitConfig(epochs=1, seed=5))
    assert int(before[f"{len(before) - 2:04d} step"]) == 22
    changed = {n for n, a in capture(loop).items() if (a != before[n]).any()}
    restore(loop, before)
    assert_same(capture(loop), before)
    # the second epoch counts as many examples as the first
    names = {name.partition(" ")[2] for name in before.keys() - changed}
    assert names == {"learning_rate", "failed_step", "count"}


def test_it_holds_all_that_makes_the_next_bits(make_loop, splits):
    loop = make_loop(BACKBONE, optimizer="adam")
    fit(loop, splits, FitConfig(epochs=1))
    names = [name.partition(" ")[2] for name in capture(loop)]
    for part in ("kernel", "moving_mean", "seed_generator_state", "iteration"):
        assert any(part in name for name in names), part
    assert {"step", "failed_step"} <= set(names)
    assert sum("momentum" in n or "velocity" in n for n in names) >= 8
    assert [names.count(name) for name in ("total", "count")] == [2, 2]


def test_metrics_of_each_replica_are_kept_apart(make_loop, splits):
    loop = make_loop(replicas="mirrored")
    fit(loop, splits, FitConfig(epochs=1))
    # 22 steps of 64 examples, half of each batch on either
    assert count_of(loop) == [704.0, 704.0]


def test_the_loss_scale_is_part_of_it(make_loop):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        loop = make_loop()
    finally:
        keras.config.set_dtype_policy("float32")
    assert any("dynamic_scale" in name for name in capture(loop))


def test_another_model_is_refused(make_loop):
    arrays = capture(make_loop("mlp(hidden=[16])"))
    message = r"expected '0000 .*' of shape \(64, 8\), got \(64, 16\)"
    with pytest.raises(ValueError, match=message):
        restore(make_loop("mlp(hidden=[8])"), arrays)
    with pytest.raises(ValueError, match="got None"):
        restore(make_loop("mlp(hidden=[16])", optimizer="adam"), arrays)


def test_another_number_of_replicas_shares_out_the_same_sums(make_loop, splits):
    one, two = make_loop(), make_loop(replicas="mirrored")
    fit(two, splits, FitConfig(epochs=1))
    restore(one, capture(two))
    assert count_of(one) == [1408.0]
    assert_same(
        own_of(one), {n: a.sum(0)[None] for n, a in own_of(two).items()}
    )
    restore(two, capture(one))
    assert count_of(two) == [1408.0, 0.0]
    assert int(two.step.numpy()) == 22
