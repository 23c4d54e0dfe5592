"""The penalty on the distance from the pretrained weights, by hand."""

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.transfer.l2_sp import l2_sp


def dense(kernel, bias):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="dense")(inputs))
    model.set_weights([np.array(kernel), np.array(bias)])
    return model


def test_penalty_and_gradient_by_hand():
    pretrained = dense([[1.0], [2.0]], [3.0])
    tuned = dense([[1.5], [2.0]], [1.0])
    layer = tuned.get_layer("dense")
    penalty = l2_sp([layer], pretrained, tuned.trainable_variables, 0.1)
    # 0.1 / 2 · (0.5² + 0² + 2²)
    np.testing.assert_allclose(penalty(), 0.2125, rtol=1e-6)
    with tf.GradientTape() as tape:
        value = penalty()
    gradients = tape.gradient(value, [layer.kernel.value, layer.bias.value])
    np.testing.assert_allclose(gradients[0], [[0.05], [0.0]], rtol=1e-6)
    np.testing.assert_allclose(gradients[1], [-0.2], rtol=1e-6)


def test_only_what_is_trained_is_drawn_back():
    pretrained = dense([[1.0], [2.0]], [3.0])
    layer = dense([[1.5], [2.0]], [1.0]).get_layer("dense")
    penalty = l2_sp([layer], pretrained, [layer.bias], 0.1)
    np.testing.assert_allclose(penalty(), 0.2, rtol=1e-6)


def test_the_start_is_kept_when_the_pretrained_model_is_trained():
    model = dense([[1.0], [2.0]], [3.0])
    penalty = l2_sp(model.layers[1:], model, model.trainable_variables, 1.0)
    assert float(penalty()) == 0.0
    model.get_layer("dense").bias.assign([5.0])
    assert float(penalty()) == 2.0
