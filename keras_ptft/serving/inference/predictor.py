"""A trained model ready to run from Python, wherever it is stored."""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.info import InputSpec
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.models.saved import load_model
from keras_ptft.serving.inference.resolve import (
    ModelFiles,
    NamedFn,
    Specs,
    largest_batch,
    load_signature,
)
from keras_ptft.serving.inputs.arrays import Batch, Inputs, input_batches
from keras_ptft.serving.inputs.in_memory import Given, given_batches
from keras_ptft.serving.inputs.options import InputOptions
from keras_ptft.serving.inputs.texts import text_batches
from keras_ptft.serving.signatures.answers import text_answer
from keras_ptft.serving.signatures.arrays import endpoint, input_specs
from keras_ptft.serving.signatures.signature import ServingFn, Tensors
from keras_ptft.serving.signatures.text import (
    TEXT,
    stack_padded,
    text_serving_fn,
)

_BATCH = 256
_DEFAULT = InputOptions()
# what a predictor of texts adds to one of ids
_LABELS: Specs = {
    "label": tf.TensorSpec((None,), tf.string, "label"),
    "score": tf.TensorSpec((None,), tf.float32, "score"),
}
_WORDS: Specs = {
    name: tf.TensorSpec((None, None), tf.string, name)
    for name in ("words", "tags")
}


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A model as a function of arrays.

    Attributes:
        function: tensors by input name → tensors by output name.
        inputs: input name to its spec, with the batch axis.
        outputs: output name to its spec, with the batch axis.
        batch_size: most examples that it is given at once.
    """

    function: NamedFn
    inputs: Specs
    outputs: Specs
    batch_size: int = _BATCH

    @property
    def input_spec(self) -> InputSpec:
        """One example's input, or inputs by name if there are several."""
        specs = {
            name: tf.TensorSpec(spec.shape[1:], spec.dtype, name)
            for name, spec in self.inputs.items()
        }
        return specs if len(specs) > 1 else specs.popitem()[1]

    def batches(
        self,
        inputs: Given,
        options: InputOptions = _DEFAULT,
    ) -> Iterator[Batch]:
        """Reads what the model takes from files, folders, texts or memory.

        Args:
            inputs: as `input_batches` takes them, or `text_batches` if the
                model takes text; in memory as `given_batches` takes them.
            options: what is known of them.

        Yields:
            A name for each example, and the examples, for `run`.

        Raises:
            UserError: an input cannot be used.
        """
        if isinstance(inputs, np.ndarray | Mapping):
            return given_batches(inputs, self.input_spec, options)
        if "text" in self.inputs:
            return text_batches(
                inputs,
                text_column=options.text_column,
                trained_columns=options.columns,
            )
        return input_batches(inputs, self.input_spec, options)

    def run(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Runs the model in batches.

        Args:
            inputs: of shape (examples, ...) and the input's dtype, texts as
                `bytes`; several inputs by name.

        Returns:
            Output name to array of shape (examples, ...). If the outputs of
            some batches have more words than others, shorter ones are padded
            with 0 or b"".
        """
        if not isinstance(inputs, Mapping):
            inputs = dict.fromkeys(self.inputs, inputs)
        count = len(next(iter(inputs.values())))
        parts = []
        # no examples are a batch too, whose outputs have the right shapes
        for start in range(0, max(count, 1), self.batch_size):
            rows = slice(start, start + self.batch_size)
            batch = {
                name: tf.constant(inputs[name][rows], spec.dtype)
                for name, spec in self.inputs.items()
            }
            parts.append(self.function(batch))
        return {
            name: stack_padded([part[name].numpy() for part in parts])
            for name in self.outputs
        }


def keras_predictor(model: keras.Model, serving_fn: ServingFn) -> Predictor:
    """Returns a predictor of a Keras model, compiled.

    Args:
        model: gives the inputs by name.
        serving_fn: the model's inputs → its outputs, as `class_scores`.
    """
    specs = input_specs(model)
    compiled = tf.function(
        endpoint(model, serving_fn),
        input_signature=list(specs.values()),
        autograph=False,
    )

    def function(tensors: Tensors) -> Tensors:
        return compiled(*(tensors[name] for name in specs))

    outputs = compiled.get_concrete_function().structured_outputs
    return Predictor(function, specs, outputs)


def load_model_or_export(files: ModelFiles) -> keras.Model | Predictor:
    """Loads a Keras model, or an export, which needs no objective to run.

    Args:
        files: of the model, as `find_model` returns them.

    Raises:
        UserError: the model cannot be read.
    """
    if files.keras_file is not None:
        return load_model(files.keras_file)
    return load_export(files.saved_model or files.extra)


def load_export(
    folder: str | os.PathLike, name: str = "serving_default"
) -> Predictor:
    """Loads a signature of an export, with batches that it takes.

    Args:
        folder: of the version.
        name: of the signature.

    Raises:
        UserError: the export cannot be read or has no such signature.
    """
    size = batch_within(largest_batch(folder))
    return Predictor(*load_signature(folder, name), size)


def batch_within(largest_batch: int, size: int = _BATCH) -> int:
    """Returns the size of a batch that an export takes.

    Args:
        largest_batch: that it takes; 0: any.
        size: of the batch where that is no limit.

    Example:

    >>> batch_within(7), batch_within(0), batch_within(4096)
    (7, 256, 256)
    """
    return min(largest_batch or size, size)


def text_predictor(
    predictor: Predictor,
    tokenizer: Tokenizer,
    label_names: Sequence[str],
    *,
    tagging: bool,
) -> Predictor:
    """Returns a predictor of texts, given one of texts or of their ids.

    Args:
        predictor: takes `text`, and is returned itself, or ids of tokens,
            and then returns logits and probabilities.
        tokenizer: what makes ids of texts.
        label_names: a name for each logit.
        tagging: whether the words of a text have labels, not the text.

    Returns:
        A predictor with the outputs of `text_serving_fn`.
    """
    if "text" in predictor.inputs:
        return predictor
    (name,) = predictor.inputs

    def scores(ids: tf.Tensor) -> Tensors:
        return predictor.function({name: ids})

    text_fn = text_serving_fn(scores, tokenizer, label_names, tagging=tagging)
    if tokenizer.in_graph:
        text_fn = tf.function(text_fn, input_signature=[TEXT], autograph=False)
    added = _WORDS if tagging else _LABELS
    return Predictor(
        lambda tensors: text_fn(tensors["text"]),
        {"text": TEXT},
        {**predictor.outputs, **added},
        predictor.batch_size,
    )


def text_answer_predictor(
    predictor: Predictor, tokenizer: Tokenizer
) -> Predictor:
    """Returns a predictor of texts that answers as one of their ids.

    Args:
        predictor: takes `text`, and is returned itself, or ids of tokens.
        tokenizer: what makes ids of texts.
    """
    if "text" in predictor.inputs:
        return predictor
    (name,) = predictor.inputs

    def of_ids(ids: tf.Tensor) -> Tensors:
        return predictor.function({name: ids})

    text_fn = text_answer(of_ids, tokenizer)
    if tokenizer.in_graph:
        text_fn = tf.function(text_fn, input_signature=[TEXT], autograph=False)
    return Predictor(
        lambda tensors: text_fn(tensors["text"]),
        {"text": TEXT},
        predictor.outputs,
        predictor.batch_size,
    )
