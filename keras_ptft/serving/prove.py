"""Asks an export the questions that its Keras model has answered.

`export` runs this in a fresh process, where nothing of the model's Python
code is loaded: what TensorFlow Serving will find is what is compared.

    python -m keras_ptft.serving.prove saved_models/digits/1 examples.npz
"""

import json
import sys
from collections.abc import Mapping

import numpy as np
import tensorflow as tf


def largest_differences(
    folder: str, examples: np.ndarray, expected: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """How far each signature is from what was expected, at its worst.

    Each signature is called with all examples and with the first alone. A
    signature of strings gets the images encoded as PNG.

    Args:
        folder: of a SavedModel.
        examples: of shape (examples, *shape of one).
        expected: output name to values, of shape (examples, ...).

    Returns:
        Signature name to the largest |value - expected| / max(1,
        |expected|); infinite where one is not a number or missing.
    """
    loaded = tf.saved_model.load(folder)
    return {
        name: max(
            _difference(signature, examples[:count], expected)
            for count in (1, len(examples))
        )
        for name, signature in loaded.signatures.items()
    }


def _difference(
    signature: tf.types.experimental.ConcreteFunction,
    examples: np.ndarray,
    expected: Mapping[str, np.ndarray],
) -> float:
    ((name, spec),) = signature.structured_input_signature[1].items()
    if spec.dtype == tf.string and examples.dtype == np.uint8:
        examples = [tf.io.encode_png(image).numpy() for image in examples]
    outputs = signature(**{name: tf.constant(examples, spec.dtype)})
    if set(outputs) != set(expected):
        return float("inf")
    return max(
        _distance(outputs[name].numpy(), values[: len(examples)])
        for name, values in expected.items()
    )


def _distance(values: np.ndarray, expected: np.ndarray) -> float:
    if values.shape != expected.shape:
        return float("inf")
    distances = np.abs(values - expected) / np.maximum(1, np.abs(expected))
    return float(np.nan_to_num(distances, nan=np.inf).max())


def main(folder: str, file: str) -> None:
    """Prints the largest differences as JSON.

    Args:
        folder: of a SavedModel.
        file: npz with `examples` and one array for each output.
    """
    with np.load(file, allow_pickle=False) as arrays:
        expected = dict(arrays)
    examples = expected.pop("examples")
    print(json.dumps(largest_differences(folder, examples, expected)))


if __name__ == "__main__":
    main(*sys.argv[1:])
