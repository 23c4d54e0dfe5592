"""What every data set is to the rest of the program."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError

if TYPE_CHECKING:
    from keras_ptft.data.text.tokenizers import Tokenizer


@dataclasses.dataclass(frozen=True)
class Loading:
    """What a run tells any data set about how to load it.

    Attributes:
        image_size: side of the square images in pixels; 0: as stored.
        data_dir: where TFDS keeps prepared data; empty: its default.
        manual_dir: folder with upstream's files, to prepare TFDS offline.
        skip_bad_images: leave out images that cannot be decoded, instead
            of stopping at the first.
        text_column: the column of a table that holds texts; empty: "text",
            or none in a table of numbers.
        label_column: the column that holds labels; empty: unlabelled texts.
    """

    image_size: int = 0
    data_dir: str = ""
    manual_dir: str = ""
    skip_bad_images: bool = False
    text_column: str = ""
    label_column: str = "label"


class Source(Protocol):
    """Examples that are reached by their number, in any order.

    A source may also have `targets(indices)`, which gives more than a label
    an example, as a tag for each word, by TensorFlow operations; and
    `name_of(number)`, what a user knows an example by.

    Attributes:
        spec: one example's input without the batch axis: shape, dtype, and
            the name of the model's input ("image", "vector", "array",
            "text").
        labels: int64 array of shape (examples,), each the index of a label
            name; 0 where there are no names, -1 in the split "outside".
        hashes: uint64 array of shape (examples,), a hash of the content of
            each input as it was stored, the same wherever it stands.
    """

    spec: tf.TensorSpec
    labels: np.ndarray
    hashes: np.ndarray

    def __len__(self) -> int: ...

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Inputs of shape (batch, *spec.shape), by TensorFlow operations.

        Args:
            indices: int64 tensor of shape (batch,).
        """
        ...


@dataclasses.dataclass(frozen=True)
class Subset:
    """Some examples of a source, in an order of their own.

    Attributes:
        source: where the inputs come from.
        indices: int64 array, the number in `source` of each example.
        labels: int64 array, which may differ from the source's.
    """

    source: Source
    indices: np.ndarray
    labels: np.ndarray

    @property
    def spec(self) -> tf.TensorSpec:
        return self.source.spec

    @property
    def hashes(self) -> np.ndarray:
        return self.source.hashes[self.indices]

    @property
    def tags(self) -> list[np.ndarray]:
        """Of tagged texts, the tags of each; others have none."""
        return [self.source.tags[number] for number in self.indices]

    @property
    def running(self) -> bool:
        """Whether the texts follow each other, as parts of one."""
        return getattr(self.source, "running", False)

    def __len__(self) -> int:
        return len(self.indices)

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        return self.source.gather(tf.gather(self.indices, indices))


def take(source: Source, indices: np.ndarray) -> Subset:
    """The examples of `source` with these numbers, in this order.

    A subset of a subset reaches straight through to the first source.
    """
    indices = np.asarray(indices, np.int64)
    labels = source.labels[indices]
    if isinstance(source, Subset):
        return Subset(source.source, source.indices[indices], labels)
    return Subset(source, indices, labels)


def name_of(source: Source, number: int) -> str:
    """What a user knows an example by: its file, or its number in the data.

    Example:

    >>> from keras_ptft.data.arrays import ArraySource
    >>> name_of(take(ArraySource(np.eye(4), [0, 1, 0, 1]), [3, 1]), 0)
    'number 3'
    """
    if isinstance(source, Subset):
        source, number = source.source, source.indices[number]
    if hasattr(source, "name_of"):
        return source.name_of(number)
    paths = getattr(source, "paths", None)
    return f"number {number}" if paths is None else str(paths[number])


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Splits of labelled examples that share one input spec.

    Attributes:
        splits: "train", "test" and, once it was split off, "validation";
            and perhaps "outside", test examples of no class.
        label_names: the name of each label index; none: unlabelled.
        tokenizer: what made the tokens, where the inputs are such.
    """

    splits: Mapping[str, Source]
    label_names: tuple[str, ...]
    tokenizer: "Tokenizer | None" = None

    @property
    def tagged(self) -> bool:
        """Whether the labels are tags, one a word of a text."""
        train = self.splits["train"]
        return hasattr(train, "tags") or hasattr(train, "targets")

    @property
    def spec(self) -> tf.TensorSpec:
        """The input of one example."""
        return self.splits["train"].spec

    def with_splits(self, **splits: Source) -> "Dataset":
        """The same data set with these splits replaced or added."""
        return dataclasses.replace(self, splits={**self.splits, **splits})


def fingerprint(source: Source) -> str:
    """Hex digest of a source: its inputs' hashes, labels, order and spec.

    Of texts as tokens, the tokens count too.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((source.spec.shape, source.spec.dtype)).encode())
    digest.update(getattr(source, "encoding", b""))
    digest.update(np.ascontiguousarray(source.hashes).tobytes())
    digest.update(np.ascontiguousarray(source.labels).tobytes())
    return digest.hexdigest()


def check_labels(labels: np.ndarray, label_names: tuple[str, ...]) -> None:
    """Raises a UserError unless every label is the index of a name."""
    outside = (labels < 0) | (labels >= len(label_names))
    if outside.any():
        where = int(np.argmax(outside))
        raise UserError(
            f"Labels must be from 0 to {len(label_names) - 1}, got "
            f"{labels[where]} at example {where}: correct the data."
        )
