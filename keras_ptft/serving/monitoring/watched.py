"""A model whose inputs and answers are measured."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.serving.inference.predictor import Predictor, batch_within
from keras_ptft.serving.inputs.arrays import Inputs
from keras_ptft.serving.monitoring.quantities import (
    Values,
    of_answers,
    of_input,
)
from keras_ptft.serving.signatures.signature import Signature
from keras_ptft.serving.signatures.text import ids_of

DEFAULT = "serving_default"
COLUMNS = "columns"
FEATURES = "features"
"""The signature that answers with features, and its output."""

# of inputs at a time: 27 photos of 224 pixels, of which the layers of a
# network give 60 MB each
_BYTES = 2**22
# where an example has no fixed size
_EXAMPLES = 32
# batches that take less time than to make a graph of a model
_FEW = 8


class Observed(NamedTuple):
    """What was measured of some examples.

    Attributes:
        inputs: quantities of the inputs.
        answers: quantities of the answers.
        features: of shape (examples, width); None: the model gives none.
    """

    inputs: Values
    answers: Values
    features: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Watched:
    """A model that measures what it is given and what it answers.

    Attributes:
        info: of the data it was trained on.
        answers: takes texts, or the model's inputs by name.
        features: takes the same, or ids of tokens; None: there are none.
        column_inputs: of signature `columns`, in the order of the columns of
            a table; none: there is no such signature.
        at_once: whether answers come with the features, in place of
            `features`.
    """

    info: DataInfo
    answers: Predictor
    features: Predictor | None = None
    column_inputs: tuple[str, ...] = ()
    at_once: bool = False

    def observe(self, inputs: Inputs) -> Observed:
        """Runs the model, and measures inputs and answers.

        Args:
            inputs: as `Predictor.run` takes them.
        """
        outputs = self.answers.run(inputs)
        measured, read = self._measured(inputs)
        features = outputs.pop(FEATURES) if self.at_once else None
        if self.features is not None:
            is_text = "text" in self.features.inputs
            given = inputs if is_text else read
            features = self.features.run(given)[FEATURES]
        names = self.info.label_names
        return Observed(measured, of_answers(outputs, names), features)

    def _measured(self, inputs: Inputs) -> tuple[Values, Inputs]:
        """Quantities of inputs, and these as a model reads them."""
        spec, tokenizer = self.info.spec, self.info.tokenizer
        if tokenizer is not None:
            texts, tagging = tf.constant(inputs), self.info.tagged
            ids = ids_of(texts, tokenizer, tagging=tagging).numpy()
            return of_input("tokens", ids, self.info), ids
        if isinstance(inputs, Mapping):
            found = {
                f"{name} {quantity}": values
                for name, array in inputs.items()
                for quantity, values in of_input("", array, self.info).items()
            }
            return found, inputs
        # files of earlier versions do not say what an input is
        name = spec.name if isinstance(spec, tf.TensorSpec) else ""
        return of_input(name, inputs, self.info), inputs


def concatenated(parts: Iterable[Observed]) -> Observed:
    """Returns what was measured in several batches, at least one."""
    inputs, answers, features = zip(*parts, strict=True)
    return Observed(
        _joined(inputs),
        _joined(answers),
        None if features[0] is None else np.concatenate(features),
    )


def watch_signatures(
    signatures: Sequence[Signature],
    info: DataInfo,
    predictor_of: Callable[[Predictor], Predictor],
    largest_batch: int = 0,
    *,
    examples: int = 0,
) -> Watched:
    """Returns the model of an export that is not published yet.

    Of what takes the same inputs, layers under answers and features run once.

    Args:
        signatures: of the export.
        info: of the data it was trained on.
        predictor_of: what makes a predictor of texts of one that may take
            ids, as `Objective.predictor`.
        largest_batch: examples that the signatures take; 0: any number.
        examples: that will be measured.
    """
    size = batch_within(largest_batch)
    found = {each.name: each for each in signatures}
    default, features = found[DEFAULT], found.get(FEATURES)
    columns: tuple[str, ...] = ()
    if COLUMNS in found and info.columns:
        columns = tuple(found[COLUMNS].inputs)
    if features is None:
        answers = predictor_of(_predictor([default], size, examples))
        return Watched(info, answers, None, columns)
    if info.tokenizer is None and features.inputs == default.inputs:
        both = predictor_of(_predictor([default, features], size, examples))
        return Watched(info, both, None, columns, at_once=True)
    answers, given = (
        _predictor([each], size, examples) for each in (default, features)
    )
    return Watched(info, predictor_of(answers), given, columns)


def _predictor(
    signatures: Sequence[Signature], size: int, examples: int
) -> Predictor:
    """The functions of signatures that take the same, in one.

    A few batches do without a graph, and so all that layers give is held
    until a batch is done. In a graph TensorFlow computes once what several
    signatures compute alike.
    """
    inputs = signatures[0].inputs

    def function(tensors: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
        given = [tensors[name] for name in inputs]
        found: dict[str, tf.Tensor] = {}
        for signature in signatures:
            found |= signature.function(*given)
        return found

    outputs = {
        name: tf.TensorSpec((None, *array.shape[1:]), array.dtype, name)
        for signature in signatures
        for name, array in signature.cases[0].outputs.items()
    }
    size = min(size, *map(_most, inputs.values()))
    if examples <= _FEW * size:
        return Predictor(function, inputs, outputs, size)
    graph = tf.function(
        function, input_signature=[dict(inputs)], autograph=False
    )
    return Predictor(graph, inputs, outputs, size)


def _most(spec: tf.TensorSpec) -> int:
    """Examples of an input that a model is given at a time.

    Example:

    >>> _most(tf.TensorSpec((None, 224, 224, 3), tf.uint8))
    27
    >>> _most(tf.TensorSpec((None,), tf.string))
    32
    """
    numbers = spec.shape[1:].num_elements()
    if numbers is None or spec.dtype == tf.string:
        return _EXAMPLES
    return max(_BYTES // (numbers * spec.dtype.size), 1)


def _joined(parts: Sequence[Values]) -> Values:
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
