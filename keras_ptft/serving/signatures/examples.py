"""Signatures that take serialized `tf.train.Example`s, as TFX sends them."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.serving.signatures.encoded import FILES, IS_CORRUPT
from keras_ptft.serving.signatures.intake import demand, first_rows
from keras_ptft.serving.signatures.signature import (
    Arrays,
    Case,
    Signature,
    Tensors,
)

_LOG = logging.getLogger("keras_ptft")

Reply = Callable[[Tensors], Tensors]
"""Outputs of an answer → outputs that an API of TensorFlow Serving wants."""

IMAGE_FEATURE = "image/encoded"
"""Feature of an image file, as TensorFlow's own data sets call it."""

# the reading of examples is proved by few, as the answers are by many; the
# first texts are unusual ones, and a warm-up takes up to 32 others
_PROOFS = 48


def example_signature(
    base: Signature, features: Mapping[str, str]
) -> Signature | None:
    """Returns a signature of the same answers for `tf.train.Example`s.

    An example has a feature for each input: a list of bytes for strings, of
    int64 for whole numbers, and of float for others, row by row.

    Args:
        base: what is answered; image files and texts are taken as such.
        features: input name to the feature's, where it is another.

    Returns:
        Signature `examples`, of serialized examples of shape (batch,); None
        where the base takes arrays of more than one unknown side.
    """
    names = {FILES.name: IMAGE_FEATURE, **features}
    specs = {names.get(n, n): spec for n, spec in base.inputs.items()}
    if any(None in spec.shape[2:] for spec in specs.values()):
        _LOG.info(
            "The model takes arrays of several unknown sides, which a "
            "tf.train.Example cannot hold: signature examples is left out."
        )
        return None
    parsing = {name: _parsing(spec) for name, spec in specs.items()}

    def answer(serialized: tf.Tensor) -> Tensors:
        parsed = tf.io.parse_example(serialized, parsing)
        return base.function(
            *(_as_input(parsed[n], spec, n) for n, spec in specs.items())
        )

    taken = tf.TensorSpec((None,), tf.string, "examples")
    few = (first_rows(case, _PROOFS) for case in base.cases)
    proofs = [_case(case, names) for case in few]
    return Signature("examples", answer, {taken.name: taken}, proofs)


def api_signature(examples: Signature, name: str, reply: Reply) -> Signature:
    """Returns a signature for an API of TensorFlow Serving of its own.

    `Classify` and `Regress` take `inputs`, serialized examples, and want
    certain outputs and no others. TensorFlow Serving finds the signature by
    its name, which requests have to give.

    Args:
        examples: as returned by `example_signature`.
        name: of the signature.
        reply: what the API wants of the answer.
    """

    def answer(serialized: tf.Tensor) -> Tensors:
        return reply(examples.function(serialized))

    taken = tf.TensorSpec((None,), tf.string, "inputs")
    proofs = [
        Case({taken.name: case.inputs["examples"]}, _replied(case, reply))
        for case in examples.cases
    ]
    return Signature(name, answer, {taken.name: taken}, proofs)


def classes_of(label_names: Sequence[str]) -> Reply:
    """Returns what `Classify` wants: every label with its probability.

    An image that could not be decoded has scores of 0.

    Args:
        label_names: a name for each probability.

    Example:

    >>> reply = classes_of(("cat", "dog"))
    >>> reply({"probabilities": tf.constant([[0.25, 0.75]])})["classes"].numpy()
    array([[b'cat', b'dog']], dtype=object)
    """

    def reply(outputs: Tensors) -> Tensors:
        scores = outputs["probabilities"]
        if IS_CORRUPT in outputs:
            scores = tf.where(outputs[IS_CORRUPT][:, None], 0.0, scores)
        names = tf.constant([list(label_names)])
        return {
            "classes": tf.repeat(names, tf.shape(scores)[0], axis=0),
            "scores": scores,
        }

    return reply


def regression_of(outputs: Tensors) -> Tensors:
    """Returns what `Regress` wants: one number an example."""
    return {"outputs": outputs["value"]}


def serialized(features: Arrays) -> np.ndarray:
    """Writes examples as clients do.

    Args:
        features: feature name to array of shape (examples, ...), of
            `bytes`, whole numbers or others.

    Returns:
        `bytes` of shape (examples,).

    Example:

    >>> (one,) = serialized({"age": np.array([3.0])})
    >>> found = tf.train.Example.FromString(one).features.feature["age"]
    >>> list(found.float_list.value)
    [3.0]
    """
    count = len(next(iter(features.values())))
    rows = [
        {name: _feature(values[row]) for name, values in features.items()}
        for row in range(count)
    ]
    written = [
        tf.train.Example(features=tf.train.Features(feature=row))
        for row in rows
    ]
    return np.array([one.SerializeToString() for one in written], object)


def _parsing(
    spec: tf.TensorSpec,
) -> tf.io.FixedLenFeature | tf.io.FixedLenSequenceFeature:
    kind = tf.float32
    if spec.dtype == tf.string or spec.dtype.is_integer or spec.dtype.is_bool:
        kind = tf.string if spec.dtype == tf.string else tf.int64
    shape = spec.shape.as_list()[1:]
    if shape[:1] == [None]:
        # as many as the longest example has, padded with 0
        return tf.io.FixedLenSequenceFeature(shape[1:], kind, True)
    return tf.io.FixedLenFeature(shape, kind)


def _as_input(values: tf.Tensor, spec: tf.TensorSpec, name: str) -> tf.Tensor:
    """Casts what was parsed; whole numbers that do not fit are an error."""
    if values.dtype == spec.dtype:
        return values
    if spec.dtype.is_integer:
        low, high = spec.dtype.limits
        fits = (values >= low) & (values <= high)
        checked = demand(
            tf.reduce_all(fits),
            lambda: [
                f"Expected whole numbers from {low} to {high} in {name}, "
                "got others in row ",
                tf.where(~fits)[0, 0],
                ": correct them.",
            ],
        )
        with tf.control_dependencies([checked]):
            values = tf.identity(values)
    return tf.cast(values, spec.dtype)


def _case(case: Case, names: Mapping[str, str]) -> Case:
    features = {names.get(n, n): rows for n, rows in case.inputs.items()}
    return dataclasses.replace(case, inputs={"examples": serialized(features)})


def _replied(case: Case, reply: Reply) -> Arrays:
    with tf.device("CPU:0"):
        given = {name: tf.constant(x) for name, x in case.outputs.items()}
        return {name: x.numpy() for name, x in reply(given).items()}


def _feature(values: np.ndarray | bytes) -> tf.train.Feature:
    flat = np.asarray(values).ravel()
    if isinstance(values, bytes):
        listed = tf.train.BytesList(value=[values])
        return tf.train.Feature(bytes_list=listed)
    if flat.dtype.kind in "iub":
        listed = tf.train.Int64List(value=flat.astype(np.int64))
        return tf.train.Feature(int64_list=listed)
    listed = tf.train.FloatList(value=flat)
    return tf.train.Feature(float_list=listed)
