"""Texts to ids and back, by a vocabulary that was learned."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.normalize.clean import traced
from keras_ptft.data.text.normalize.string_table import StringTable
from keras_ptft.data.text.tokenizers import vocabulary as files
from keras_ptft.data.text.tokenizers.pieces import Pieces
from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.data.text.tokenizers.table import TOKENIZERS
from keras_ptft.data.text.tokenizers.vocabulary import SPECIAL, UNKNOWN
from keras_ptft.errors import UserError
from keras_ptft.files import read_json, write_json
from keras_ptft.registry import lookup

SETTINGS_FILE = "tokenizer.json"
VOCABULARY_FILE = "vocabulary.txt"
_VERSION = 1


@dataclasses.dataclass(frozen=True, eq=False)
class Tokenizer:
    """What makes ids of texts.

    Where `in_graph`, a call is core TensorFlow operations and constants:
    it may stand in a tf.data pipeline or an exported signature, and leaves
    nothing to track or to write beside it.

    Attributes:
        setting: a row of TOKENIZERS with its settings, as the user wrote it.
        vocabulary: the token of each id; the first four are SPECIAL.
        counts: int64, how often each stood in what it was learned on.
        sequence_length: most tokens of a text that are used; a call does
            not cut them off.
        width: ids a token: 1, or 1 and the most n-grams of a word.
    """

    setting: str
    vocabulary: tuple[str, ...]
    counts: np.ndarray
    sequence_length: int
    width: int = 1

    @property
    def size(self) -> int:
        """How many ids there are: tokens, and buckets of n-grams."""
        ngrams = self.scheme.ngrams
        return len(self.vocabulary) + (ngrams.buckets if ngrams else 0)

    @property
    def in_graph(self) -> bool:
        """Whether a call is TensorFlow operations alone."""
        return self.scheme.in_graph

    @functools.cached_property
    def scheme(self) -> Scheme:
        """How it works, before any vocabulary."""
        return lookup(TOKENIZERS, self.setting, "tokenizer")()

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """The ids of texts, not cut off.

        Args:
            texts: strings of any bytes, of shape (batch,); those that are
                no UTF-8 are read with U+FFFD in their place.

        Returns:
            int32 of shape (batch, None), or (batch, None, width) where the
            width is more than 1.
        """
        return self._encode(tf.convert_to_tensor(texts, tf.string))

    def text_of(self, ids: Sequence[int]) -> str:
        """Ids as text to read; U+FFFD stands for what is unknown.

        Args:
            ids: of tokens; padding, masks and ends are left out.
        """
        shown = {UNKNOWN: "\ufffd"} | dict(
            enumerate(self.vocabulary[len(SPECIAL) :], len(SPECIAL))
        )
        return self.scheme.join([shown[i] for i in ids if i in shown])

    def save(self, folder: str | os.PathLike) -> None:
        """Writes tokenizer.json and vocabulary.txt."""
        folder = pathlib.Path(folder)
        digest = files.write(
            folder / VOCABULARY_FILE, self.vocabulary, self.counts
        )
        written = {
            "version": _VERSION,
            "setting": self.setting,
            "sequence_length": self.sequence_length,
            "width": self.width,
            "vocabulary": digest,
        }
        write_json(folder / SETTINGS_FILE, written)

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "Tokenizer":
        """Reads what `save` wrote.

        Raises:
            UserError: a file is missing or damaged.
        """
        path = pathlib.Path(folder, SETTINGS_FILE)
        found = _checked(read_json(path), path)
        vocabulary, counts = files.read(
            path.with_name(VOCABULARY_FILE), found["vocabulary"]
        )
        loaded = cls(
            setting=found["setting"],
            vocabulary=vocabulary,
            counts=counts,
            sequence_length=found["sequence_length"],
            width=found["width"],
        )
        if (loaded.scheme.ngrams is None) != (loaded.width == 1):
            raise _damaged(path, "width")
        return loaded

    @functools.cached_property
    def _encode(self) -> Callable[[tf.Tensor], tf.RaggedTensor]:
        encode = self._encoder()

        def call(texts: tf.Tensor) -> tf.RaggedTensor:
            return encode(self.scheme.split(texts))

        return traced(call) if self.in_graph else call

    def _encoder(self) -> Callable[[tf.RaggedTensor], tf.RaggedTensor]:
        if self.scheme.pieces:
            return self._pieces()
        table = StringTable(self.vocabulary[len(SPECIAL) :])

        def encode(words: tf.RaggedTensor) -> tf.RaggedTensor:
            ids = _ids(table.find(words.flat_values))
            if self.scheme.ngrams:
                ids = self._with_ngrams(words.flat_values, ids)
            return words.with_flat_values(ids)

        return encode

    def _pieces(self) -> Callable[[tf.RaggedTensor], tf.RaggedTensor]:
        pieces = Pieces(self.vocabulary[len(SPECIAL) :])

        def encode(words: tf.RaggedTensor) -> tf.RaggedTensor:
            different, places = tf.unique(words.flat_values)
            cut = tf.gather(pieces.cut(different), places)
            cut = cut.with_flat_values(_ids(cut.flat_values))
            return words.with_values(cut).merge_dims(1, 2)

        return encode

    def _with_ngrams(self, words: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        different, places = tf.unique(words)
        ngrams = self.scheme.ngrams.ids(different, self.width - 1)
        ngrams = tf.where(ngrams > 0, ngrams + len(self.vocabulary) - 1, 0)
        ngrams = tf.gather(tf.cast(ngrams, tf.int32), places)
        return tf.concat([ids[:, None], ngrams], 1)


def _ids(places: tf.Tensor) -> tf.Tensor:
    """Ids of tokens by their places after the special ones."""
    return tf.where(places < 0, UNKNOWN, places + len(SPECIAL))


def _checked(found: Any, path: pathlib.Path) -> dict[str, Any]:
    kinds = {"setting": str, "vocabulary": str}
    kinds |= dict.fromkeys(["version", "sequence_length", "width"], int)
    if not isinstance(found, dict):
        raise _damaged(path, "setting")
    for name, kind in kinds.items():
        value = found.get(name)
        if type(value) is not kind or (kind is int and value < 1):
            raise _damaged(path, name)
    if found["version"] > _VERSION:
        raise UserError(
            f"{path} must be of version {_VERSION} or less, got "
            f"{found['version']}: use the keras-ptft that wrote it."
        )
    return found


def _damaged(path: pathlib.Path, name: str) -> UserError:
    return UserError(
        f"{path} must hold the {name!r} that keras-ptft wrote, but it is "
        "missing or was changed: run the stage again."
    )
