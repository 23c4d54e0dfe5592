"""What a model has to know of a data set."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.targets import CLASSES, NO_TARGET, Target

if TYPE_CHECKING:
    from keras_ptft.data.text.tokenizers import Tokenizer

InputSpec: TypeAlias = tf.TensorSpec | Mapping[str, tf.TensorSpec]
"""One example's input without the batch axis; of several inputs, by name."""

Color: TypeAlias = tuple[int, int, int]
"""Red, green and blue, each from 0 to 255."""

WHITE: Color = (255, 255, 255)

STRETCH = "stretch"
"""The entry of `images.resize.RESIZES` that images are resized by unless
another is chosen."""


@dataclasses.dataclass(frozen=True)
class ImageForm:
    """How pictures of any kind become what a model takes.

    The side and the channels are those of the input.

    Attributes:
        background: the colour that transparent pixels are laid on.
        resize: how they become squares, an entry of `images.resize.RESIZES`.

    Example:

    >>> ImageForm(resize="crop(share=0.875)").background
    (255, 255, 255)
    """

    background: Color = WHITE
    resize: str = STRETCH


DEFAULT_FORM = ImageForm()


@dataclasses.dataclass(frozen=True)
class DataInfo:
    """What an objective is given of the data, made once by `Dataset.info`.

    Attributes:
        spec: one example's input; of texts, the ids of one.
        label_names: the name of each label; empty: unlabelled, or numbers.
        tagged: whether labels are tags, one a token.
        tokenizer: what made the ids, where inputs are texts.
        columns: of the table that inputs come from: those of the numbers of
            a vector, in order, or those of a text.
        image_form: how pictures become what the model takes.
        label_kind: what labels are: `targets.CLASSES`, NUMBERS or SETS.
        target: the number to be predicted, where labels are numbers.
        thresholds: the probability from which each label of a set is given;
            empty: not chosen.
        temperature: what logits are divided by before they become
            probabilities; 1: not fitted.

    Example:

    >>> DataInfo(label_names=("cat", "dog")).is_text
    False
    """

    spec: InputSpec | None = None
    label_names: tuple[str, ...] = ()
    tagged: bool = False
    tokenizer: "Tokenizer | None" = None
    columns: tuple[str, ...] = ()
    image_form: ImageForm = DEFAULT_FORM
    label_kind: str = CLASSES
    target: Target = NO_TARGET
    thresholds: tuple[float, ...] = ()
    temperature: float = 1.0

    def as_trained(self, trained: "DataInfo") -> "DataInfo":
        """Returns the same with what was found out by training a model.

        Args:
            trained: what the model knows of the data it was trained on.
        """
        return dataclasses.replace(
            self,
            target=trained.target,
            thresholds=trained.thresholds,
            temperature=trained.temperature,
        )

    @property
    def is_text(self) -> bool:
        """Whether inputs are texts, which models read as ids."""
        return self.tokenizer is not None

    @property
    def table_columns(self) -> tuple[str, ...]:
        """The column of each number of a vector; a text is one input."""
        return () if self.is_text else self.columns

    @property
    def text_tokenizer(self) -> "Tokenizer":
        """What made the ids, where inputs are known to be texts.

        Raises:
            LookupError: inputs are no texts.
        """
        if self.tokenizer is None:
            raise LookupError("inputs are no texts")
        return self.tokenizer

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The token of each id; empty where inputs are no texts.

        The first four are padding, unknown, mask and end.
        """
        return self.tokenizer.vocabulary if self.tokenizer else ()

    @property
    def counts(self) -> np.ndarray:
        """How often each token occurs in the training split, int64."""
        return self.tokenizer.counts if self.tokenizer else np.zeros(0, int)

    @property
    def sequence_length(self) -> int:
        """Maximum number of tokens of a text; 0 where inputs are no texts."""
        return self.tokenizer.sequence_length if self.tokenizer else 0
