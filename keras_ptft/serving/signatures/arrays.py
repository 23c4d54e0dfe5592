"""Signatures of models of images, vectors and other arrays."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import DEFAULT_FORM, ImageForm
from keras_ptft.errors import UserError
from keras_ptft.models.precision import rebuilt
from keras_ptft.serving.signatures.encoded import encoded_images
from keras_ptft.serving.signatures.intake import DEFAULT_INTAKE, Intake
from keras_ptft.serving.signatures.labels import proofs
from keras_ptft.serving.signatures.signature import (
    IsUnsure,
    ServingFn,
    Signature,
    Tensors,
    cases,
    sure,
)

_AT_ONCE = 8


def array_signatures(
    model: keras.Model,
    serving_fn: ServingFn,
    examples: Mapping[str, np.ndarray],
    form: ImageForm = DEFAULT_FORM,
    intake: Intake = DEFAULT_INTAKE,
    *,
    is_unsure: IsUnsure = sure,
) -> list[Signature]:
    """Returns the signatures of a model of arrays.

    `serving_default` takes the model's inputs by their names. A model of
    one square uint8 image with 1 or 3 channels also has `encoded_images`:
    whole image files, as `encoded.encoded_images` has them.

    Args:
        model: computes in float32 (see `in_float32`).
        serving_fn: the model's inputs → outputs by name.
        examples: input name to real inputs of shape (examples, ...), a few
            hundred at most, to verify the export with.
        form: how image files become the model's input.
        intake: what image files are refused.
        is_unsure: which of the examples are no proof, by their outputs.

    Raises:
        UserError: there are no examples, or all images have too many pixels.
    """
    specs = input_specs(model)
    function = endpoint(model, serving_fn)
    inputs = {
        name: np.asarray(examples[name], spec.dtype.as_numpy_dtype)
        for name, spec in specs.items()
    }
    outputs = expected_rows(function, inputs)
    kept = proofs(is_unsure(outputs))
    proving = cases(
        {name: rows[kept] for name, rows in inputs.items()},
        {name: rows[kept] for name, rows in outputs.items()},
    )
    default = Signature("serving_default", function, specs, proving, is_unsure)
    (spec, *others) = specs.values()
    if others or not accepts_encoded_images(spec):
        return [default]
    return [default, encoded_images(default, form, intake)]


def class_scores(model: keras.Model, temperature: float = 1.0) -> ServingFn:
    """Returns what computes a classifier's logits and probabilities.

    Args:
        model: one output of logits, of shape (..., classes).
        temperature: what the logits are divided by before they become
            probabilities; they are answered as they are.

    Returns:
        The model's inputs → float32 `logits` and `probabilities`.
    """

    def scores(inputs: Any) -> Tensors:
        logits = tf.cast(model(inputs, training=False), tf.float32)
        shares = tf.nn.softmax(logits / temperature)
        return {"logits": logits, "probabilities": shares}

    return scores


def endpoint(
    model: keras.Model, serving_fn: ServingFn
) -> Callable[..., Tensors]:
    """Returns `serving_fn` as the function of a `Signature`.

    Args:
        model: one input, or several inputs by name.
        serving_fn: the model's inputs → outputs by name.

    Returns:
        Tensors, in the order of `input_specs(model)` → outputs by name.
    """
    names = list(input_specs(model))

    def function(*tensors: tf.Tensor) -> Tensors:
        named = dict(zip(names, tensors, strict=True))
        # a tensor, or a dict of tensors, as the model takes them
        inputs = keras.tree.map_structure(lambda x: named[x.name], model.input)
        return serving_fn(inputs)

    return function


def expected_outputs(
    function: Callable[..., Tensors], inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Computes outputs eagerly, from the Keras model and not from a graph.

    On the CPU, as verification does: an accelerator rounds differently.

    Args:
        function: of a `Signature`.
        inputs: input name to array, in the order that the function takes.

    Returns:
        Output name to array.
    """
    with tf.device("CPU:0"):
        outputs = function(*map(tf.constant, inputs.values()))
    return {name: values.numpy() for name, values in outputs.items()}


def expected_rows(
    function: Callable[..., Tensors], inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Computes outputs as `expected_outputs`, some rows at a time.

    An eager Keras model keeps what every layer computes until it is done:
    gigabytes of 64 photos.

    Args:
        function: of a `Signature`; each row of an output is as wide as in
            any other batch.
        inputs: input name to array, in the order that the function takes.

    Returns:
        Output name to array.
    """
    count = len(next(iter(inputs.values())))
    parts = [
        expected_outputs(
            function,
            {k: rows[i : i + _AT_ONCE] for k, rows in inputs.items()},
        )
        # without rows the outputs still have their names and shapes
        for i in range(0, max(count, 1), _AT_ONCE)
    ]
    return {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}


def input_specs(model: keras.Model) -> dict[str, tf.TensorSpec]:
    """Returns the inputs of a model by name, with the batch axis.

    Example:

    >>> vector = keras.Input((3,), name="vector")
    >>> model = keras.Model(vector, keras.layers.Identity()(vector))
    >>> input_specs(model)["vector"].shape.as_list()
    [None, 3]
    """
    return {
        array.name: tf.TensorSpec(array.shape, array.dtype, array.name)
        for array in model.inputs
    }


def examples_of(source: Source, count: int = 64) -> dict[str, np.ndarray]:
    """Returns the first inputs of a source by name.

    Args:
        source: the examples.
        count: how many at most.

    Returns:
        Input name to an array of shape (examples, ...).
    """
    found = source.gather(tf.range(min(len(source), count), dtype=tf.int64))
    if not isinstance(source.spec, Mapping):
        found = {source.spec.name: found}
    return {name: values.numpy() for name, values in found.items()}


def model_examples(
    model: keras.Model, source: Source, count: int = 64
) -> dict[str, np.ndarray]:
    """Returns the first inputs of a source by the model's input names.

    Args:
        model: one input, whatever its name, or the source's inputs by name.
        source: the examples.
        count: how many at most.

    Returns:
        Input name to an array of the model's dtype, (examples, ...).
    """
    found, specs = examples_of(source, count), input_specs(model)
    if len(found) == len(specs) == 1:
        found = dict(zip(specs, found.values(), strict=True))
    return {
        name: np.asarray(found[name], spec.dtype.as_numpy_dtype)
        for name, spec in specs.items()
    }


def text_examples(source: Source, count: int = 64) -> np.ndarray:
    """Returns the first texts of a source, whose inputs are their ids.

    Args:
        source: the examples.
        count: how many at most.

    Returns:
        UTF-8 `bytes` of shape (examples,).

    Raises:
        UserError: the texts are not there any more.
    """
    if source.texts is None:
        raise UserError(
            "Expected texts beside the tokens of the test split, got none: "
            "export with the data set of the run."
        )
    return examples_of(source.texts, count)["text"]


def accepts_encoded_images(spec: tf.TensorSpec) -> bool:
    """Whether image files can be decoded to what a model takes.

    Args:
        spec: of the model's input, with the batch axis.

    Example:

    >>> accepts_encoded_images(tf.TensorSpec((None, 28, 28, 1), tf.uint8))
    True
    >>> accepts_encoded_images(tf.TensorSpec((None, 784), tf.float32))
    False
    """
    if spec.dtype != tf.uint8 or spec.shape.rank != 4:
        return False
    _, height, width, channels = spec.shape
    return height is not None and height == width and channels in (1, 3)


def in_float32(model: keras.Model) -> keras.Model:
    """Returns the model, or a copy if it computes in another precision.

    A model trained in mixed precision would answer with half the digits,
    and slowly on a CPU.
    """
    copy = rebuilt(model, "float32")
    if copy.get_config() == model.get_config():
        return model
    copy.set_weights(model.get_weights())
    return copy
