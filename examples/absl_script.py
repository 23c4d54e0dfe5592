"""Pretrains and fine-tunes from a script of your own, with flags of its own.

    python examples/absl_script.py --epochs=20 --labels=10

It asks how well the digits 5 to 9 are told apart from some labelled examples
of each, on a backbone that has seen the digits 0 to 4.
"""

from absl import app, flags

import keras_ptft

EPOCHS = flags.DEFINE_integer("epochs", 20, "passes of the pretraining")
LABELS = flags.DEFINE_integer("labels", 20, "labelled examples of each digit")


def accuracy(epochs, labels):
    """Returns the accuracy of the fine-tuned model on its test split.

    Args:
        epochs: passes of the pretraining.
        labels: labelled examples of each digit of the fine-tuning.
    """
    config = keras_ptft.Config(dataset="digits", backbone="cnn")
    keras_ptft.pretrain(
        config.replace(name="zero_to_four", classes="0-4", epochs=epochs)
    )
    tuned = keras_ptft.finetune(
        config.replace(
            name="five_to_nine",
            backbone="",
            init_from="zero_to_four",
            classes="5-9",
            train_per_class=labels,
            freeze="conv2",
            batch_size=10,
        )
    )
    return tuned.metrics["test"]["accuracy"]


def main(argv):
    """Prints the accuracy of the fine-tuned model."""
    del argv
    print(f"accuracy {accuracy(EPOCHS.value, LABELS.value):.4f}")


if __name__ == "__main__":
    app.run(main)
