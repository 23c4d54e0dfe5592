"""Which variables a training moves, and how."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf


class Teacher(Protocol):
    """A model whose answers are targets of another."""

    def __call__(self, inputs: Any, /, *, training: bool) -> Any:
        """Answers for inputs of the trained model, in training or not."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """What one of the phases of a training needs to know of the others.

    Every phase moves the variables of the one before, and maybe more.

    Attributes:
        variables: those of the last phase. The optimizer has a state for
            each from the beginning.
        factors: as in `Tuning`, of these.
        begins: the epoch from which each of them is moved.
        model: the trained model of the last phase, whose variables are the
            state of the training in every phase.
        is_last: whether it is the last phase.
    """

    variables: Sequence[keras.Variable]
    factors: Sequence[float]
    begins: Sequence[int]
    model: keras.Model
    is_last: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clipping:
    """How a private training keeps the gradient of an example small.

    Attributes:
        clip: largest norm of an example's gradient, over all variables.
        noise_multiplier: standard deviation of the noise on the sum of the
            gradients of a step, over `clip`.
        batch_size: examples a step that are expected, which the sum is
            divided by.
        key: of the noise, as `noise.fresh_key` gives it.
    """

    clip: float
    noise_multiplier: float
    batch_size: int
    key: tuple[int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning:
    """The part of a network that is trained.

    Attributes:
        variables: those that training moves; no others do, but for the
            states that a forward pass changes, such as batch statistics and
            random seeds.
        factors: what the learning rate is multiplied by, one a variable;
            empty: all by 1.
        penalty: () → scalar that is added to the loss, or None.
        frozen: variables that must stay as they are, to the bit.
        pruned: kernels of which the weights that are zero stay zero.
        prefix: frozen model before the trained one, or None.
        teacher: its answers become part of the targets; None: there is none.
        frozen_teacher: the same, by a model that is not trained and takes
            what the prefix takes; None: there is none, or its answers come
            with the examples.
        clipping: of a private training; None: it is none.
        phase: its part in a training of several phases; None: it is all.
    """

    variables: Sequence[keras.Variable]
    factors: Sequence[float] = ()
    penalty: Callable[[], tf.Tensor] | None = None
    frozen: Sequence[keras.Variable] = ()
    pruned: Sequence[keras.Variable] = ()
    prefix: keras.Model | None = None
    teacher: Teacher | None = None
    frozen_teacher: Teacher | None = None
    clipping: Clipping | None = None
    phase: "Phase | None" = None

    @property
    def size(self) -> int:
        """How many numbers training can change."""
        return sum(math.prod(variable.shape) for variable in self.variables)


def whole(model: keras.Model) -> Tuning:
    """Returns the training of a whole model.

    Example:

    >>> inputs = keras.Input((3,))
    >>> whole(keras.Model(inputs, keras.layers.Dense(2)(inputs))).size
    8
    """
    return Tuning(variables=model.trainable_variables)
