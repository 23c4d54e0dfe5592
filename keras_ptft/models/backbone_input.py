"""What a backbone is given: the one positional argument of every row."""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models.structure import InputSpec

Moments = tuple[np.ndarray, np.ndarray]
"""Mean and variance, in raw units, of each entry of an input's last axis."""

OTHER_BACKBONE = (
    "use another --backbone, `keras-ptft describe backbone` lists them"
)


@dataclasses.dataclass(frozen=True)
class BackboneInput:
    """The inputs that a backbone is built for.

    Attributes:
        spec: one example's input without the batch axis.
        scaling: mean and variance of numbers (see `normalization`); None:
            raw values.
        vocabulary_size: number of ids of texts as tokens, buckets of
            character n-grams included; 0: inputs are not texts.

    Example:

    >>> text = tf.TensorSpec((None,), tf.int32, "tokens")
    >>> BackboneInput(text, vocabulary_size=1000).is_text
    True
    """

    spec: InputSpec
    scaling: Moments | None = None
    vocabulary_size: int = 0

    @property
    def is_text(self) -> bool:
        """Whether inputs are texts, as ids of their tokens."""
        return self.vocabulary_size > 0

    def single_spec(self) -> tf.TensorSpec:
        """Returns the spec of the only input.

        Raises:
            UserError: there are several inputs.
        """
        if isinstance(self.spec, tf.TensorSpec):
            return self.spec
        raise UserError(
            "This backbone takes one input, got several "
            f"({', '.join(self.spec)}): {OTHER_BACKBONE}."
        )
