"""Asks an export the questions that its Keras model has answered.

`export` runs this in a fresh process, where nothing of the model's Python
code is loaded: what TensorFlow Serving will find is what is compared.

    python -m keras_ptft.serving.verification.worker EXPORT QUESTIONS.npz
"""

import json
import sys
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

Outputs = Mapping[str, np.ndarray]

# the first alone, the last alone, and all at once
_PARTS = slice(1), slice(-1, None), slice(None)
_STRINGS = ("texts", "words", "label_names")


def packed(strings: Sequence[bytes]) -> np.ndarray:
    """Strings of any bytes as an array of uint8, of which npz files hold.

    Example:

    >>> unpacked(packed([b"a", b""])).tolist()
    [b'a', b'']
    """
    coded = tf.io.serialize_tensor(tf.constant(strings, tf.string))
    return np.frombuffer(coded.numpy(), np.uint8)


def unpacked(array: np.ndarray) -> np.ndarray:
    """The strings that `packed` packed."""
    return tf.io.parse_tensor(array.tobytes(), tf.string).numpy()


def largest_differences(
    folder: str,
    examples: np.ndarray,
    expected: Outputs,
    strings: Outputs | None = None,
) -> dict[str, float]:
    """How far each signature is from what was expected, at its worst.

    Each signature is called with all examples, with the first alone and
    with the last. A signature of strings gets texts, or without such the
    images encoded as PNG. The names that it answers with must be those of
    its own largest logits.

    Args:
        folder: of a SavedModel.
        examples: of shape (examples, *shape of one).
        expected: output name to values, of shape (examples, ...).
        strings: `texts` that the examples were made from and `label_names`
            of the logits; where words are labelled, their `words`, of
            shape (examples, words), empty where there are no more.

    Returns:
        Signature name to the largest |value - expected| / max(1,
        |expected|); infinite where one is not a number or missing, or
        where a name or a word is another.
    """
    loaded = tf.saved_model.load(folder)
    strings = strings or {}
    return {
        name: max(
            _difference(signature, examples, expected, strings, part)
            for part in _PARTS
        )
        for name, signature in loaded.signatures.items()
    }


def _difference(
    signature: tf.types.experimental.ConcreteFunction,
    examples: np.ndarray,
    expected: Outputs,
    strings: Outputs,
    part: slice,
) -> float:
    ((name, spec),) = signature.structured_input_signature[1].items()
    if spec.dtype == tf.string:
        inputs = _as_strings(examples[part], strings.get("texts"), part)
    else:
        inputs = examples[part]
    outputs = signature(**{name: tf.constant(inputs, spec.dtype)})
    outputs = {name: values.numpy() for name, values in outputs.items()}
    told = {name for name in outputs if outputs[name].dtype == object}
    if outputs.keys() - told != set(expected):
        return float("inf")
    if told and not _right(outputs, strings, part):
        return float("inf")
    cut = told and "words" in strings
    return max(
        _distance(outputs[name], _fitting(values[part], outputs[name], cut))
        for name, values in expected.items()
    )


def _as_strings(
    examples: np.ndarray, texts: np.ndarray | None, part: slice
) -> Sequence[bytes]:
    if texts is not None:
        return texts[part]
    return [tf.io.encode_png(image).numpy() for image in examples]


def _right(outputs: Outputs, strings: Outputs, part: slice) -> bool:
    """Whether names are those of the largest logits, and words as given."""
    best = strings["label_names"][outputs["logits"].argmax(-1)]
    if "words" not in strings:
        return np.array_equal(outputs.get("label"), best)
    words = outputs.get("words")
    given = strings["words"][part]
    given = given[:, : max((given != b"").sum(1))]
    tags = np.where(given == b"", b"", best)
    return np.array_equal(words, given) and np.array_equal(
        outputs.get("tags"), tags
    )


def _fitting(expected: np.ndarray, values: np.ndarray, cut: bool) -> np.ndarray:
    """What is expected, of as many words as there are answers for."""
    return expected[:, : values.shape[1]] if cut else expected


def _distance(values: np.ndarray, expected: np.ndarray) -> float:
    if values.shape != expected.shape:
        return float("inf")
    distances = np.abs(values - expected) / np.maximum(1, np.abs(expected))
    return float(np.nan_to_num(distances, nan=np.inf).max(initial=0.0))


def main(folder: str, file: str) -> None:
    """ImageHashes the largest differences as JSON.

    Args:
        folder: of a SavedModel.
        file: npz with `examples`, one array for each output, and strings
            as `packed` packs them.
    """
    with np.load(file, allow_pickle=False) as arrays:
        expected = dict(arrays)
    examples = expected.pop("examples")
    strings = {
        name: unpacked(expected.pop(name))
        for name in _STRINGS
        if name in expected
    }
    found = largest_differences(folder, examples, expected, strings)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
