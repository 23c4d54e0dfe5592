"""Models whose answers are what another is trained for."""

from collections.abc import Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf

from keras_ptft.data.pipeline.answered import Answered
from keras_ptft.data.pipeline.batching import Transform
from keras_ptft.training.optimizers.averages import averages_of
from keras_ptft.training.tuning import Teacher


class Taught(Protocol):
    """What makes the targets of a batch, and adds a teacher's answers."""

    def transform(
        self, inputs: Any, labels: Any, seeds: tf.Tensor, /
    ) -> tuple[Any, Any, tf.Tensor]:
        """Makes a batch of examples."""
        ...

    def taught(self, targets: Any, taught: Any, /) -> Any:
        """Adds the answers to the targets."""
        ...


def average_teacher(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
) -> Teacher:
    """Returns the average of a model's own weights, as a teacher.

    Tarvainen and Valpola 2017, "Mean teachers are better role models". The
    averages are the optimizer's, so they are saved and resumed with it. In
    training the teacher works as the model does, with the statistics of the
    batch and with dropout, and changes neither statistics nor seeds.

    Args:
        model: that is trained, without its frozen prefix; functional.
        optimizer: keeps the averages; built before the teacher is asked.
        variables: those that it trains. The model's others are used as they
            are.
    """

    def answer(inputs: Any, /, *, training: bool) -> Any:
        averages = averages_of(optimizer, variables)
        held = dict(zip(map(id, variables), averages, strict=True))
        weights = [held.get(id(v), v) for v in model.trainable_variables]
        outputs, _ = model.stateless_call(
            _values(weights),
            _values(model.non_trainable_variables),
            inputs,
            training=training,
        )
        return outputs

    return answer


def with_answers(trainable: Taught) -> Transform:
    """Returns a transform that takes examples with a teacher's answers too.

    Args:
        trainable: its `transform` makes the batch, and its `taught` adds the
            answers, where the source gives them, to the targets.
    """

    def transform(
        inputs: Any, labels: Any, seeds: tf.Tensor
    ) -> tuple[Any, Any, tf.Tensor]:
        if not isinstance(inputs, Answered):
            return trainable.transform(inputs, labels, seeds)
        answers = inputs.answers
        inputs, targets, weights = trainable.transform(
            inputs.inputs, labels, seeds
        )
        return inputs, trainable.taught(targets, answers), weights

    return transform


def _values(variables: Sequence[keras.Variable]) -> list[tf.Tensor]:
    return [tf.convert_to_tensor(variable.value) for variable in variables]
