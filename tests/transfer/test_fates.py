"""What became of each layer of a fine-tuned model."""

import keras

from keras_ptft.transfer.fates import layer_fates


def model():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3, name="dense")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(0.5, seed=1)(keras.layers.ReLU()(x))
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))


def test_layers_with_weights_are_counted_by_what_is_trained():
    found = model()
    norm, logits = found.get_layer("norm"), found.get_layer("logits")
    trained = [norm.gamma, *logits.variables]
    assert layer_fates(found, {"dense", "norm"}, trained) == [
        {
            "name": "dense",
            "parameters": 4 * 3 + 3,
            "trained": 0,
            "transferred": True,
        },
        {"name": "norm", "parameters": 12, "trained": 3, "transferred": True},
        {
            "name": "logits",
            "parameters": 3 * 2 + 2,
            "trained": 8,
            "transferred": False,
        },
    ]


def test_low_rank_matrices_are_trained_for_their_layer():
    found = model()
    dense = found.get_layer("dense")
    dense.enable_lora(2)
    matrices = [dense.lora_kernel_a, dense.lora_kernel_b]
    first = layer_fates(found, ["dense"], matrices)[0]
    # a kernel of 4 x 3 and its bias, and matrices of 4 x 2 and 2 x 3
    assert (first["parameters"], first["trained"]) == (15 + 14, 14)
