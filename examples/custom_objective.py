"""Trains with a loss of your own, which settings then call by its name.

    python examples/custom_objective.py
    export PYTHONPATH=examples KERAS_PTFT_MODULES=custom_objective
    keras-ptft evaluate runs/poly

The first line registers the objective in its own process. The command line
finds it in the module that KERAS_PTFT_MODULES names, so recipes, `compare` and
`tune` may use it as well: --objective="poly(epsilon=2.0)".
"""

import keras
import tensorflow as tf

import keras_ptft
from keras_ptft.objectives.classification import Classification


class Poly(Classification):
    """Classification by cross-entropy plus a multiple of 1 - p.

    Leng et al. 2022, "PolyLoss". All else, such as the head, the metrics and
    the signatures of an export, is that of classification.

    Args:
        info: what is known of the data; its labels count.
        epsilon: the multiple.
    """

    # a probe would minimise another loss
    probe = ""

    def __init__(self, info, /, *, epsilon: float = 1.0):
        super().__init__(info)
        self.epsilon = epsilon

    def loss(self, targets, outputs):
        """Computes the loss of each example, float32 of shape (batch,)."""
        wanted = self.soft_targets(targets)
        entropy = keras.losses.categorical_crossentropy(
            wanted, outputs, from_logits=True
        )
        p = tf.reduce_sum(wanted * tf.nn.softmax(outputs), -1)
        return entropy + self.epsilon * (1.0 - p)


keras_ptft.register("objective", "poly", Poly)


def main():
    """Trains on the bundled digits with it, and publishes the model."""
    config = keras_ptft.Config(
        name="poly",
        dataset="digits",
        backbone="mlp_small",
        objective="poly(epsilon=2.0)",
        epochs=10,
        export_to="saved_models/poly",
    )
    result = keras_ptft.pretrain(config)
    print(f"accuracy {result.metrics['test']['accuracy']:.4f}")


if __name__ == "__main__":
    main()
