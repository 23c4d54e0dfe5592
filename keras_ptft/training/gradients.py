"""How the gradients of a batch are computed, and the usual way to do it.

A rule is made for a model that is trained, and called in each replica with
its part of a batch.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import keras
import tensorflow as tf

from keras_ptft.training.tuning import Tuning

if TYPE_CHECKING:
    from keras_ptft.training.training_model import Trainable

Found = tuple[list[tf.Tensor | None], Any, tf.Tensor]
"""Gradients, outputs, and unweighted losses of shape (batch,)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learner:
    """What a rule needs to know of a training.

    Attributes:
        model: what is trained.
        forward: its forward pass in training, inputs → outputs.
        objective: runs it, and gives the loss.
        tuning: which variables are trained, and what is added to the loss.
        replicas: parts of a batch that are computed at the same time.
        accumulation: parts of a replica's part, one after the other.
        scale_loss: of the optimizer.
    """

    model: keras.Model
    forward: Callable[[Any], Any]
    objective: "Trainable"
    tuning: Tuning
    replicas: int
    accumulation: int
    scale_loss: Callable[[tf.Tensor], tf.Tensor]

    @property
    def parts(self) -> int:
        """Parts of a batch in all."""
        return self.replicas * self.accumulation

    @property
    def values(self) -> list[tf.Variable]:
        """The trained variables, as TensorFlow knows them."""
        return [variable.value for variable in self.tuning.variables]

    def penalty(self) -> tf.Tensor:
        """A part's contribution to what the loss has of weights alone."""
        total = tf.add_n([0.0, *self.model.losses])
        if self.tuning.penalty is not None:
            total += self.tuning.penalty()
        return total / self.parts


class Rule(Protocol):
    """Computes the gradients of a replica's part of a batch."""

    def __call__(self, inputs: Any, targets: Any, weights: tf.Tensor, /) -> Any:
        """Computes the contribution of an accumulated part, see `Found`."""
        ...

    def finished(
        self, gradients: list[tf.Tensor | None], step: tf.Tensor, /
    ) -> list[tf.Tensor | None]:
        """Completes the sum over the accumulated parts of a replica."""
        ...


class MeanGradients:
    """Gradients of the mean of the weighted losses of a batch.

    Contributions add up over accumulated parts and replicas.
    """

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    def __call__(self, inputs: Any, targets: Any, weights: tf.Tensor) -> Found:
        """Computes a part's contribution: see `Rule`."""
        learner = self._learner
        examples = tf.cast(tf.shape(weights)[0] * learner.parts, tf.float32)
        with tf.GradientTape() as tape:
            outputs = learner.objective.run(learner.forward, inputs)
            losses = learner.objective.loss(targets, outputs)
            loss = tf.reduce_sum(losses * weights) / examples
            loss = learner.scale_loss(loss + learner.penalty())
        return tape.gradient(loss, learner.values), outputs, losses

    def finished(
        self, gradients: list[tf.Tensor | None], step: tf.Tensor
    ) -> list[tf.Tensor | None]:
        """Returns the gradients as they are."""
        del step
        return gradients


def mean_or_private(learner: Learner) -> Rule:
    """Returns the rule that the tuning asks for."""
    if learner.tuning.clipping is None:
        return MeanGradients(learner)
    # imported here: it needs `Learner`
    from keras_ptft.training.clipped_gradients import ClippedGradients

    return ClippedGradients(learner, learner.tuning.clipping)
