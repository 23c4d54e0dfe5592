"""The interface between data sets and the rest of the program."""

import abc
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.account import SHOWN, LeftOut
from keras_ptft.data.core.cache_folder import CacheFolder
from keras_ptft.data.core.info import (
    DEFAULT_FORM,
    DataInfo,
    ImageForm,
    InputSpec,
)
from keras_ptft.data.core.rows import Rows
from keras_ptft.data.core.targets import (
    CLASSES,
    NO_TARGET,
    Target,
    kind_of,
    target_of,
)
from keras_ptft.errors import UserError

if TYPE_CHECKING:
    from keras_ptft.data.text.tokenizers import Tokenizer

OUT_OF_SCOPE = "out_of_scope"
"""The split of test examples that are of no class, with label -1."""


@dataclasses.dataclass(frozen=True)
class Loading:
    """The settings of a run that every data set is given.

    Attributes:
        image_size: side of the square images in pixels; 0: as stored.
        image_form: how pictures become these squares.
        data_dir: where TFDS keeps prepared data; empty: its default.
        manual_dir: folder with upstream's files, to prepare TFDS offline.
        skip_bad_images: leave out images that cannot be decoded, instead
            of stopping at the first.
        text_columns: the columns of a table that hold a text, or the parts
            of one; none: "text", or none in a table of numbers.
        label_kind: what labels are, as the objective reads them:
            `targets.CLASSES`, NUMBERS or SETS.
        needs_labels: whether the objective learns them.
        label_column: the column that holds labels; empty: unlabelled texts.
        label_columns: columns that hold 0 or 1 for a label each, of sets.
        image_column: the column that holds paths of images; empty: none.
        image_root: folder that these paths begin in; empty: the table's.
        group_column: the column that says which examples belong together.
        group_pattern: regular expression that finds a group in a file name.
        stratify: whether every class gets its share of each split.
        split_seed: each draws other splits.
        folds: parts that the training examples are divided into; 0: none.
        fold: the part that is the test split, from 0.
        trained: what a model knows of the data that it was trained on,
            where others are loaded for it: they are read by its columns.
        scoring: whether the data are to score a model, which needs neither
            training examples nor two classes.
        as_test: whether data that come in one piece are all for testing.
        by_column: the column whose values `Source.by` holds; empty: none.
        cache: where decoded photos are kept; None: nowhere.
    """

    image_size: int = 0
    image_form: ImageForm = DEFAULT_FORM
    data_dir: str = ""
    manual_dir: str = ""
    skip_bad_images: bool = False
    text_columns: tuple[str, ...] = ()
    label_kind: str = CLASSES
    needs_labels: bool = True
    label_column: str = "label"
    label_columns: tuple[str, ...] = ()
    image_column: str = ""
    image_root: str = ""
    group_column: str = ""
    group_pattern: str = ""
    stratify: bool = False
    split_seed: int = 0
    folds: int = 0
    fold: int = 0
    trained: DataInfo | None = None
    scoring: bool = False
    as_test: bool = False
    by_column: str = ""
    cache: CacheFolder | None = None

    def refuse(self, row: str, *names: str) -> None:
        """Refuses settings that a data set has no use for.

        Args:
            row: of DATASETS, as an error names it.
            names: of the settings, as the user writes them.

        Raises:
            UserError: one of them is set.
        """
        for name in names:
            if value := getattr(self, name):
                shown = ",".join(value) if isinstance(value, tuple) else value
                raise UserError(
                    f"--{name}={shown} is not for --dataset={row}, which has "
                    "no use for it: leave it out."
                )


class Source(abc.ABC):
    """Examples that are read by index, in any order.

    A subclass sets `spec`, `labels` and `hashes` and implements `gather`;
    the other members have defaults.

    Attributes:
        spec: one example's input without the batch axis: shape, dtype, and
            the name of the model's input ("image", "vector", "array",
            "text", "tokens"); a dict of these for several inputs.
        labels: int64 array of shape (examples,), each the index of a label
            name; 0 where there are no names and where there are `values`,
            -1 in "out_of_scope".
        values: float32 array of what is to be predicted in place of a class:
            (examples,) numbers, or (examples, labels) that are 1 for each
            label of the example and else 0; None: labels are classes.
        hashes: uint64 array of shape (examples,), a hash of the stored
            content of each input, wherever it is stored.
        lengths: int64 array of shape (examples,), tokens of each example,
            which batches are bucketed by; None: not bucketed.
        texts: the texts that tokens were made of, or None.
        tags: the integer tags of each text's words, or None.
        has_targets: whether `targets` returns a tag for each token instead
            of a label.
        contiguous: whether texts follow each other as parts of one.
        encoding: digest of how texts were encoded as tokens.
        cut_off: fraction of the texts that were cut off, or None.
        unknown: fraction of unknown tokens.
        groups: uint64 array of shape (examples,), a hash of what each
            example belongs to, which is never divided by a split; None: each
            stands for itself.
        by: text of shape (examples,), the value of a column of the table
            that scores are told by; None: not asked for.
    """

    spec: InputSpec
    labels: np.ndarray
    hashes: np.ndarray
    values: np.ndarray | None = None
    lengths: np.ndarray | None = None
    texts: "Source | None" = None
    tags: Sequence[np.ndarray] | None = None
    has_targets: bool = False
    contiguous: bool = False
    encoding: bytes = b""
    cut_off: float | None = None
    unknown: float = 0.0
    groups: np.ndarray | None = None
    by: np.ndarray | None = None
    _targets: tuple[np.ndarray, Rows] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def bytes_held(self) -> int | None:
        """Bytes that each device holds which reads inputs and targets.

        None where the host has to read them, by files or Python, as here.
        """
        return None

    @abc.abstractmethod
    def gather(self, indices: tf.Tensor) -> Any:
        """Reads inputs by TensorFlow operations.

        Args:
            indices: int64 tensor of shape (batch,).

        Returns:
            Tensor of shape (batch, *spec.shape); a dict of these by name
            where `spec` is one.
        """

    def gather_at_epoch(self, epoch: tf.Tensor, indices: tf.Tensor) -> Any:
        """Reads inputs for training, which may differ between epochs.

        Args:
            epoch: int64 scalar.
            indices: int64 tensor of shape (batch,).

        Returns:
            As `gather`.
        """
        del epoch
        return self.gather(indices)

    def targets(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads what is to be predicted, by TensorFlow operations.

        Args:
            indices: int64 tensor of shape (batch,).

        Returns:
            int64 labels of shape (batch,), or integers of shape
            (batch, tokens) where `has_targets`; where there are `values`,
            float32 of shape (batch,) or (batch, labels).
        """
        every = self.labels if self.values is None else self.values
        if self._targets is None or self._targets[0] is not every:
            # held once, wherever they are read
            self._targets = every, Rows(every)
        return self._targets[1].gather(indices)

    def name_of(self, index: int) -> str:
        """Returns what a user knows an example by, such as its file."""
        return f"example {index}"


class DerivedSource(Source):
    """The examples of another source, with all of its members.

    Subclasses replace some of them.

    Args:
        source: the other source.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.spec = source.spec
        self.labels, self.hashes = source.labels, source.hashes
        self.values = source.values
        self.lengths = source.lengths
        self.texts, self.tags = source.texts, source.tags
        self.has_targets, self.contiguous = (
            source.has_targets,
            source.contiguous,
        )
        self.encoding = source.encoding
        self.cut_off, self.unknown = source.cut_off, source.unknown
        self.groups, self.by = source.groups, source.by

    @property
    def bytes_held(self) -> int | None:
        return self.source.bytes_held

    def gather(self, indices: tf.Tensor) -> Any:
        return self.source.gather(indices)

    def gather_at_epoch(self, epoch: tf.Tensor, indices: tf.Tensor) -> Any:
        return self.source.gather_at_epoch(epoch, indices)

    def targets(self, indices: tf.Tensor) -> tf.Tensor:
        return self.source.targets(indices)

    def name_of(self, index: int) -> str:
        return self.source.name_of(index)


class Subset(DerivedSource):
    """Some examples of a source, in a given order.

    Args:
        source: the examples.
        indices: int64 array, the index in `source` of each example.
        labels: int64 array, which may differ from the source's.

    Example:

    >>> from keras_ptft.data.core.array_source import ArraySource
    >>> some = take(ArraySource(np.eye(4), [0, 1, 0, 1]), np.array([3, 1]))
    >>> some.labels.tolist(), some.name_of(0)
    ([1, 1], 'example 3')
    """

    def __init__(
        self, source: Source, indices: np.ndarray, labels: np.ndarray
    ) -> None:
        super().__init__(source)
        self.indices, self.labels = indices, labels
        self.hashes = source.hashes[indices]
        if source.values is not None:
            self.values = source.values[indices]
        if source.groups is not None:
            self.groups = source.groups[indices]
        if source.by is not None:
            self.by = source.by[indices]
        if source.lengths is not None:
            self.lengths = source.lengths[indices]
        # windows are not cut where texts end: all texts are theirs
        if source.texts is not None and len(source.texts) == len(source):
            self.texts = take(source.texts, indices)
        if source.tags is not None:
            self.tags = [source.tags[index] for index in indices]
        self._rows = Rows(np.asarray(indices, np.int64))

    def gather(self, indices: tf.Tensor) -> Any:
        return super().gather(self._rows.gather(indices))

    def gather_at_epoch(self, epoch: tf.Tensor, indices: tf.Tensor) -> Any:
        chosen = self._rows.gather(indices)
        return super().gather_at_epoch(epoch, chosen)

    def targets(self, indices: tf.Tensor) -> tf.Tensor:
        if self.has_targets:
            return super().targets(self._rows.gather(indices))
        return Source.targets(self, indices)

    def name_of(self, index: int) -> str:
        return super().name_of(int(self.indices[index]))


def short_name(source: Source, index: int) -> str:
    """Returns what a reader knows an example by.

    Args:
        source: the examples.
        index: of one of them.

    Returns:
        Its name; of a path, the file and the folder that it is in.
    """
    return "/".join(source.name_of(index).rsplit("/", 2)[-2:])


def take(source: Source, indices: np.ndarray) -> Subset:
    """Returns the examples with these indices, in this order.

    A subset of a subset reads from the first source directly.
    """
    indices = np.asarray(indices, np.int64)
    labels = source.labels[indices]
    if isinstance(source, Subset):
        return Subset(source.source, source.indices[indices], labels)
    return Subset(source, indices, labels)


def take_evenly(source: Source, most: int) -> Subset:
    """Returns at most this many examples, as far apart as can be."""
    return take(source, evenly(len(source), most))


def evenly(total: int, most: int) -> np.ndarray:
    """Returns indices of at most so many examples, as far apart as can be.

    Example:

    >>> evenly(9, 3).tolist(), evenly(2, 3).tolist()
    ([0, 4, 8], [0, 1])
    """
    indices = np.linspace(0, total - 1, min(most, total))
    return indices.round().astype(np.int64)


def some_of_each(labels: np.ndarray, most: int) -> np.ndarray:
    """Returns indices of the first example of each class, then of others.

    The others are as far apart as can be.

    Args:
        labels: of shape (examples,).
        most: how many at most.

    Example:

    >>> some_of_each(np.array([2, 2, 0, 2]), 4).tolist()
    [2, 0, 1, 3]
    """
    firsts = np.unique(labels, return_index=True)[1][:most]
    others = np.setdiff1d(np.arange(len(labels)), firsts)
    chosen = evenly(len(others), most - len(firsts))
    return np.concatenate([firsts, others[chosen]])


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Splits of labelled examples that share one input spec.

    Attributes:
        splits: "train", maybe "test" and "validation"; optionally
            "out_of_scope", test examples of no class.
        label_names: the name of each label; empty: unlabelled, or numbers.
        tokenizer: what made the tokens, where inputs are tokens.
        test_fraction: share of train to be held out for testing where there
            is no split "test".
        columns: of the table that inputs come from: those of the numbers of
            a vector, in order, or those of a text.
        image_form: how pictures became inputs.
        left_out: examples that were found and are not used.
        notes: what was changed or guessed of the data, a sentence each.
        found: examples when the data were loaded; None: not yet.
        drawn: splits that were drawn from train, not given.
        target_name: what the data call the number to be predicted.
    """

    splits: Mapping[str, Source]
    label_names: tuple[str, ...]
    tokenizer: "Tokenizer | None" = None
    test_fraction: float = 0.2
    columns: tuple[str, ...] = ()
    image_form: ImageForm = DEFAULT_FORM
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    found: int | None = None
    drawn: tuple[str, ...] = ()
    target_name: str = ""

    @property
    def label_kind(self) -> str:
        """What labels are: `targets.CLASSES`, NUMBERS or SETS."""
        return kind_of(self._any.values)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes of which each example has one; empty: it has none."""
        has_classes = self.label_kind == CLASSES and not self.tagged
        return self.label_names if has_classes else ()

    @property
    def tagged(self) -> bool:
        """Whether labels are tags, one for each word of a text."""
        return self._any.has_targets or self._any.tags is not None

    @property
    def spec(self) -> InputSpec:
        """The input of one example."""
        return self._any.spec

    @property
    def info(self) -> DataInfo:
        """What an objective has to know of the data."""
        return DataInfo(
            self.spec,
            self.label_names,
            self.tagged,
            self.tokenizer,
            self.columns,
            self.image_form,
            self.label_kind,
            self._target,
        )

    def with_splits(self, **splits: Source) -> "Dataset":
        """Returns the data set with these splits replaced or added."""
        return dataclasses.replace(self, splits={**self.splits, **splits})

    def keep(self, split: str, indices: np.ndarray, reason: str) -> "Dataset":
        """Returns the data set with some examples of a split alone.

        Args:
            split: its name.
            indices: int64 array, the examples to keep, in order.
            reason: why the others are left out, for the account.
        """
        source = self.splits[split]
        kept = self.with_splits(**{split: take(source, indices)})
        rest = np.setdiff1d(np.arange(len(source)), indices)
        if not len(rest):
            return kept
        some = tuple(short_name(source, int(index)) for index in rest[:SHOWN])
        counts = np.bincount(source.labels[rest])
        classes = {
            self.label_names[index]: int(counts[index])
            for index in np.flatnonzero(counts)
            if index < len(self.class_names)
        }
        part = LeftOut(reason, len(rest), some, split, classes)
        return dataclasses.replace(kept, left_out=(*self.left_out, part))

    def noting(self, *notes: str) -> "Dataset":
        """Returns the data set with more notes."""
        return dataclasses.replace(self, notes=(*self.notes, *notes))

    @property
    def _target(self) -> Target:
        values = self.splits.get("train", self._any).values
        if values is None or values.ndim > 1:
            return NO_TARGET
        return target_of(values, self.target_name)

    @property
    def _any(self) -> Source:
        return next(iter(self.splits.values()))


def fingerprint(source: Source) -> str:
    """Returns a hex digest of inputs (by hash), targets, order and spec.

    Of texts as tokens, the tokens count too.
    """
    spec, digest = source.spec, hashlib.blake2b(digest_size=16)
    if isinstance(spec, Mapping):
        shapes: Any = [(k, s.shape, s.dtype) for k, s in sorted(spec.items())]
    else:
        shapes = spec.shape, spec.dtype
    digest.update(repr(shapes).encode())
    digest.update(source.encoding)
    digest.update(np.ascontiguousarray(source.hashes).tobytes())
    digest.update(np.ascontiguousarray(source.labels).tobytes())
    if source.values is not None:
        digest.update(np.ascontiguousarray(source.values).tobytes())
    return digest.hexdigest()


def check_labels(labels: np.ndarray, label_names: tuple[str, ...]) -> None:
    """Raises a UserError unless every label is the index of a name."""
    wrong = (labels < 0) | (labels >= len(label_names))
    if wrong.any():
        index = int(np.argmax(wrong))
        raise UserError(
            f"Labels must be from 0 to {len(label_names) - 1}, got "
            f"{labels[index]} at example {index}: correct the data."
        )
