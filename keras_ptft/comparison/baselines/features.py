"""Inputs as rows of a matrix, for linear models."""

import abc
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from keras_ptft.comparison.result import LINEAR
from keras_ptft.data.core.dataset import Source, take
from keras_ptft.data.pipeline.batching import evaluation_batches, unweighted
from keras_ptft.data.text.tokenizers.characters import CHARACTER
from keras_ptft.data.text.tokenizers.words import Split, splitter
from keras_ptft.errors import UserError

Matrix: TypeAlias = np.ndarray | sparse.csr_matrix

_BATCH = 256
_SIDE = 32


class Features(abc.ABC):
    """How examples become rows, learned from training examples.

    Attributes:
        name: what the rows hold, for a description.
        is_sparse: whether matrices are sparse.
    """

    name: str
    is_sparse: bool

    @abc.abstractmethod
    def rows(self, source: Source, indices: np.ndarray) -> Matrix:
        """Computes the rows of some examples.

        Args:
            source: with the inputs of the training examples.
            indices: int64 of shape (rows,).

        Returns:
            Float matrix of shape (rows, width).
        """


def features_of(train: Source, indices: np.ndarray) -> Features:
    """Returns the features that suit inputs, learned from some of them.

    Args:
        train: the training examples.
        indices: int64, those to learn from.
    """
    if _has_texts(train):
        return _Texts(train, indices)
    return _Numbers(train, indices)


class _Numbers(Features):
    """Pixels of a width of 1; other numbers with standard deviation 1.

    All have mean 0, which changes no model with a bias, but lets it be found
    in fewer steps. Images that are larger than 32 pixels are averaged down.
    """

    is_sparse = False

    def __init__(self, train: Source, indices: np.ndarray) -> None:
        specs = _specs(train)
        self.name = " and ".join(sorted({_kind(spec) for spec in specs}))
        sides = [min(n, _SIDE) for s in specs if _is_large(s) for n in s.shape]
        if sides:
            self.name += f" averaged down to {sides[0]}×{sides[1]}"
        rows = _raw(train, indices)
        self._mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        scale = rows.std(axis=0, dtype=np.float64).astype(np.float32)
        self._scale = np.where(scale > 0, scale, np.float32(1))
        widths = [_shrunk_size(spec) for spec in specs]
        pixels = np.repeat([s.dtype == tf.uint8 for s in specs], widths)
        self._scale[pixels] = 255

    def rows(self, source: Source, indices: np.ndarray) -> Matrix:
        return (_raw(source, indices) - self._mean) / self._scale


class _Texts(Features):
    """TF-IDF of words, one or two, and of characters within words.

    A character of Chinese or another script without spaces is a word.
    """

    name, is_sparse = "TF-IDF of words and characters", True

    def __init__(self, train: Source, indices: np.ndarray) -> None:
        self._parts = [
            (
                splitter(True, True, CHARACTER),
                TfidfVectorizer(
                    tokenizer=str.split,
                    token_pattern=None,
                    lowercase=False,
                    ngram_range=(1, 2),
                    sublinear_tf=True,
                ),
            ),
            (
                splitter(True, True),
                TfidfVectorizer(
                    analyzer="char_wb",
                    lowercase=False,
                    ngram_range=(2, 5),
                    sublinear_tf=True,
                ),
            ),
        ]
        for split, vectorizer in self._parts:
            vectorizer.fit(_spaced(split, train, indices))

    def rows(self, source: Source, indices: np.ndarray) -> Matrix:
        found = [
            vectorizer.transform(_spaced(split, source, indices))
            for split, vectorizer in self._parts
        ]
        return sparse.hstack(found).tocsr()


def _by_name(inputs: Any) -> Mapping[str, Any]:
    """Specs or tensors of inputs by name, where there is one too."""
    return inputs if isinstance(inputs, Mapping) else {"": inputs}


def _kind(spec: tf.TensorSpec) -> str:
    return "pixels" if spec.dtype == tf.uint8 else "numbers"


def _is_large(spec: tf.TensorSpec) -> bool:
    return spec.shape.rank == 3 and max(spec.shape[:2]) > _SIDE


def _shrunk_size(spec: tf.TensorSpec) -> int:
    shape = list(spec.shape)
    if _is_large(spec):
        shape[:2] = (min(side, _SIDE) for side in shape[:2])
    return int(np.prod(shape))


def width_of(source: Source) -> int:
    """Returns how many numbers a row of features has; 0: not known, of texts.

    Raises:
        UserError: tokens whose texts are not known.

    Example:

    >>> from keras_ptft.data.core.array_source import ArraySource
    >>> width_of(ArraySource(np.zeros((2, 64, 20, 3), np.uint8)))
    1920
    """
    if _has_texts(source):
        return 0
    return sum(map(_shrunk_size, _specs(source)))


def _specs(source: Source) -> list[tf.TensorSpec]:
    """The inputs of an example, which have no texts."""
    specs = list(_by_name(source.spec).values())
    if not all(spec.shape.is_fully_defined() for spec in specs):
        raise UserError(
            "A linear model needs texts, or inputs of a fixed shape, and this "
            f"data set has tokens alone: leave {LINEAR} out of --beside."
        )
    return specs


def _raw(source: Source, indices: np.ndarray) -> np.ndarray:
    """Inputs as they are but for averaging, float32 of shape (rows, width)."""
    rows = []
    for inputs in _batches(source, indices):
        parts = _by_name(inputs)
        flat = [
            _averaged(parts[name].numpy()) for name in _by_name(source.spec)
        ]
        rows.append(np.concatenate(flat, axis=1))
    return np.concatenate(rows)


def _batches(source: Source, indices: np.ndarray) -> Iterator[Any]:
    """The inputs of some examples, in order, as they are evaluated."""
    batches = evaluation_batches(
        take(source, indices), unweighted, batch_size=_BATCH
    )
    for inputs, _, weights in batches:
        # the last batch is filled up
        real = int(np.count_nonzero(weights))
        yield tf.nest.map_structure(lambda x, n=real: x[:n], inputs)


def _averaged(inputs: np.ndarray) -> np.ndarray:
    """Flat inputs; of images blocks are averaged, so that a side has 32."""
    inputs = inputs.astype(np.float32)
    for axis in (1, 2) if inputs.ndim == 4 else ():
        side = inputs.shape[axis]
        if side > _SIDE:
            edges = np.arange(_SIDE + 1) * side // _SIDE
            sums = np.add.reduceat(inputs, edges[:-1], axis=axis)
            shape = [-1 if n == axis else 1 for n in range(4)]
            inputs = sums / np.diff(edges).astype(np.float32).reshape(shape)
    return inputs.reshape(len(inputs), -1)


def _has_texts(source: Source) -> bool:
    spec = source.spec
    is_text = isinstance(spec, tf.TensorSpec) and spec.dtype == tf.string
    return is_text or source.texts is not None


def _spaced(split: Split, source: Source, indices: np.ndarray) -> list[str]:
    """Clean texts with spaces between what `split` finds."""
    strings = source if source.texts is None else source.texts
    texts: list[str] = []
    for batch in _batches(strings, indices):
        words = split(batch)
        found = tf.strings.reduce_join(words, axis=1, separator=" ").numpy()
        texts += [text.decode() for text in found]
    return texts
