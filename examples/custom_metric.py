"""Scores with a metric of your own, and trains with Keras's Nadam.

    python examples/custom_metric.py

A metric that is registered is computed for every classifier from then on: it
stands in `result.json`, in the report and in the table that is printed.
"""

import keras
from sklearn.metrics import matthews_corrcoef

import keras_ptft


def matthews(labels, logits):
    """Computes the correlation of labels and predictions, from -1 to 1.

    Matthews 1975; with several classes as in Gorodkin 2004.

    Args:
        labels: int of shape (examples,).
        logits: float of shape (examples, classes).
    """
    return float(matthews_corrcoef(labels, logits.argmax(axis=1)))


def nadam(learning_rate, /, *, beta_1: float = 0.9):
    """Adam with Nesterov's momentum (Dozat 2016).

    Args:
        learning_rate: by step.
        beta_1: decay of the mean of the gradients.
    """
    return keras.optimizers.Nadam(learning_rate, beta_1)


METRIC = keras_ptft.Metric("Matthews correlation", of_classifier=matthews)
keras_ptft.register("metric", "matthews", METRIC)
keras_ptft.register("optimizer", "nadam", nadam)


def main():
    """Trains on the bundled digits, and prints the metric."""
    config = keras_ptft.Config(
        name="correlated",
        dataset="digits",
        backbone="mlp_small",
        optimizer="nadam(beta_1=0.95)",
        epochs=10,
    )
    result = keras_ptft.pretrain(config)
    print(f"Matthews correlation {result.metrics['test']['matthews']:.4f}")


if __name__ == "__main__":
    main()
