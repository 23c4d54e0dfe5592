"""Which weights are pruned, and that training leaves them at zero."""

import keras
import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.transfer.pruning import prune, zeros
from keras_ptft.transfer.unfrozen import with_parts


def test_the_least_half_of_each_kernel(make_backbone):
    backbone = make_backbone()
    before = {v.path: v.numpy() for v in backbone.trainable_variables}
    kernels = prune(with_parts(backbone.layers), 0.5)
    assert [k.path for k in kernels] == [
        "conv1_conv/kernel",
        "conv2_conv/kernel",
        "features_dense/kernel",
    ]
    for kernel in kernels:
        was, now = before.pop(kernel.path), kernel.numpy()
        limit = np.median(np.abs(was))
        np.testing.assert_array_equal(
            now, np.where(np.abs(was) > limit, was, 0)
        )
    for path, values in before.items():
        (now,) = [v for v in backbone.trainable_variables if v.path == path]
        np.testing.assert_array_equal(now.numpy(), values)


def test_the_same_weights_are_pruned_again(make_backbone):
    backbone = make_backbone()
    parts = with_parts(backbone.layers)
    first = zeros(prune(parts, 0.8), 0.8)
    # 3·3·1·4, 3·3·4·6 and 6·5 weights
    assert first == {
        "conv1_conv/kernel": [29, 36],
        "conv2_conv/kernel": [173, 216],
        "features_dense/kernel": [24, 30],
    }
    for kernel in (v for v in backbone.variables if v.ndim > 1):
        kernel.constraint = None
    assert zeros(prune(parts, 0.8), 0.8) == first


def test_an_optimizer_leaves_zeros():
    layer = keras.layers.Dense(2)
    layer.build((None, 2))
    layer.kernel.assign([[1.0, -2.0], [0.5, 3.0]])
    kernels = prune([layer], 0.5)
    optimizer = keras.optimizers.SGD(1.0, momentum=0.9)
    optimizer.build(layer.trainable_variables)
    for _ in range(2):
        gradients = [np.ones((2, 2), np.float32), np.ones(2, np.float32)]
        optimizer.apply(gradients, layer.trainable_variables)
    # 1 and 1.9 are taken from what is not zero
    expected = [[0.0, -4.9], [0.0, 0.1]]
    np.testing.assert_allclose(layer.kernel.numpy(), expected, rtol=1e-5)
    assert zeros(kernels, 0.5) == {kernels[0].path: [2, 4]}
    layer.kernel.assign(np.ones((2, 2)))
    with pytest.raises(RuntimeError, match="have changed: 0 of 2 are zero"):
        zeros(kernels, 0.5)


def test_what_cannot_be_pruned():
    normalize = keras.layers.BatchNormalization()
    normalize.build((None, 3))
    with pytest.raises(UserError, match=r"--prune=0.5 finds no kernel"):
        prune([normalize], 0.5)
    bound = keras.layers.Dense(1, kernel_constraint="max_norm", name="bound")
    bound.build((None, 4))
    with pytest.raises(UserError, match="cannot hold weights of bound/kernel"):
        prune([bound], 0.5)
