"""What is known of the data that weights were trained on."""

import dataclasses
import logging
import pathlib

import keras
import tensorflow as tf

from keras_ptft.data.leakage.training_fingerprints import (
    TrainingFingerprints,
    seen_by,
)
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.errors import UserError
from keras_ptft.models.pretrained.known import Reading
from keras_ptft.models.structure import input_spec
from keras_ptft.objectives.saved import read_columns, read_resize

_LOG = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True)
class Weights:
    """Weights, as what reads data for them has to know them.

    Attributes:
        name: what messages call them: a file or a known model.
        path: their file, beside which the run that wrote it left what it
            knew; None: a known model.
        reading: how a known model reads texts; None: it reads none.
        image_size: side in pixels of the square images they take; 0: they
            take something else.
        channels: of these images.
        resize: how images become these squares, as a setting of --resize;
            empty: they do not say.
    """

    name: str
    path: pathlib.Path | None = None
    reading: Reading | None = None
    image_size: int = 0
    channels: int = 0
    resize: str = ""

    @classmethod
    def beside(cls, path: pathlib.Path, model: keras.Model) -> "Weights":
        """Returns what is known of the weights in a file.

        Args:
            path: the file.
            model: the model that it holds.
        """
        size, channels = image_shape(model)
        return cls(
            str(path),
            path,
            image_size=size,
            channels=channels,
            resize=read_resize(path.parent),
        )

    def tokenizer(self) -> Tokenizer:
        """Returns what makes tokens of texts for these weights.

        Raises:
            UserError: they were not trained on texts.
        """
        if self.path is not None:
            return Tokenizer.load(self.path.parent)
        if self.reading is None:
            raise UserError(
                f"{self.name} reads no texts, and this data set has them: "
                "start from a model of texts, as "
                "--init_from=all_minilm_l6_v2."
            )
        return Tokenizer.given(
            self.reading.tokenizer,
            self.reading.vocabulary,
            self.reading.sequence_length,
            self.reading.rules,
        )

    def columns(self) -> tuple[str, ...]:
        """Returns the columns of numbers that they were trained on."""
        return read_columns(self.path.parent) if self.path is not None else ()

    def seen(self) -> TrainingFingerprints | None:
        """Returns what they were trained on, where that is known."""
        if self.path is not None:
            return seen_by(self.path)
        _LOG.info(
            "The test split is not compared with what %s was trained on, "
            "which is not known.",
            self.name,
        )
        return None


def image_shape(model: keras.Model) -> tuple[int, int]:
    """Returns the side and the channels of the square images a model takes.

    Both are 0 where it takes something else.

    Example:

    >>> image = keras.Input((32, 32, 3), dtype="uint8", name="image")
    >>> image_shape(keras.Model(image, keras.layers.Flatten()(image)))
    (32, 3)
    """
    spec = input_spec(model)
    if not isinstance(spec, tf.TensorSpec) or spec.shape.rank != 3:
        return 0, 0
    height, width, channels = spec.shape
    is_square = height == width and channels in (1, 3)
    return (height, channels) if is_square and height is not None else (0, 0)
