"""Texts to ids and back, by a learned vocabulary."""

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
from keras_ptft.data.text.tokenizers.characters import characters
from keras_ptft.data.text.tokenizers.chinese import jieba
from keras_ptft.data.text.tokenizers.library import (
    are_rules,
    library_scheme,
    read_rules,
    rules_file,
)
from keras_ptft.data.text.tokenizers.ngrams import Ngrams
from keras_ptft.data.text.tokenizers.pieces import Pieces
from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.data.text.tokenizers.subwords import subwords
from keras_ptft.data.text.tokenizers.vocabulary import SPECIAL, UNKNOWN
from keras_ptft.data.text.tokenizers.wordpiece import wordpiece
from keras_ptft.data.text.tokenizers.words import words
from keras_ptft.errors import UserError
from keras_ptft.files import read_json, write_json, write_text
from keras_ptft.registry import lookup

TOKENIZERS: dict[str, Callable[..., Scheme]] = {
    "words": words,
    "characters": characters,
    "subwords": subwords,
    "jieba": jieba,
    "wordpiece": wordpiece,
}

SETTINGS_FILE = "tokenizer.json"
VOCABULARY_FILE = "vocabulary.txt"
_VERSION = 1
_Encode = Callable[[tf.RaggedTensor], tf.RaggedTensor]


@dataclasses.dataclass(frozen=True, eq=False)
class Tokenizer:
    """Converts texts to ids.

    If `in_graph`, a call is core TensorFlow operations and constants: it
    works in a tf.data pipeline and in an exported signature, and leaves
    nothing to track or to write beside it.

    Attributes:
        setting: a row of TOKENIZERS with its settings, as the user wrote it;
            with `rules`, what people call such.
        vocabulary: the token of each id; the first four are SPECIAL.
        counts: how often each occurs in the training texts, int64.
        sequence_length: most tokens of a text that are used; a call does
            not cut texts off.
        width: ids per token: 1, or 1 and the most n-grams of a word.
        rules: JSON of the package `tokenizers`, by which it goes; empty: by
            the row of TOKENIZERS.
    """

    setting: str
    vocabulary: tuple[str, ...]
    counts: np.ndarray
    sequence_length: int
    width: int = 1
    rules: str = ""

    @property
    def size(self) -> int:
        """Number of ids: tokens, and buckets of n-grams."""
        ngrams = self.scheme.ngrams
        return len(self.vocabulary) + (ngrams.buckets if ngrams else 0)

    @property
    def in_graph(self) -> bool:
        """Whether a call is TensorFlow operations only."""
        return self.scheme.in_graph

    @functools.cached_property
    def scheme(self) -> Scheme:
        """How it works, without the vocabulary."""
        if self.rules:
            return library_scheme(self.rules)
        return lookup(TOKENIZERS, self.setting, "tokenizer")()

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the ids of texts, not cut off.

        Args:
            texts: strings of any bytes, of shape (batch,); U+FFFD replaces
                what is not UTF-8.

        Returns:
            int32 of shape (batch, None), or (batch, None, width) if the
            width is more than 1.
        """
        return self._encode(tf.convert_to_tensor(texts, tf.string))

    def text_of(self, ids: Sequence[int]) -> str:
        """Returns readable text, with U+FFFD for unknown tokens.

        Args:
            ids: of tokens; padding, masks and ends are left out.
        """
        shown = {UNKNOWN: "\ufffd"} | dict(
            enumerate(self.vocabulary[len(SPECIAL) :], len(SPECIAL))
        )
        return self.scheme.join([shown[i] for i in ids if i in shown])

    @classmethod
    def given(
        cls,
        setting: str,
        vocabulary: Sequence[str],
        sequence_length: int,
        rules: str = "",
    ) -> "Tokenizer":
        """Returns a tokenizer of a known model, whose counts are unknown: 0.

        Args:
            setting: a row of TOKENIZERS with its settings, or with `rules`
                what people call such.
            vocabulary: the token of each id; the first four are SPECIAL.
            sequence_length: most tokens of a text that are used.
            rules: JSON of the package `tokenizers`, or nothing.

        Example:

        >>> pieces = (*SPECIAL, "un", "##aff", "##able")
        >>> tokenizer = Tokenizer.given("wordpiece", pieces, 254)
        >>> tokenizer(["Unaffable!"]).to_list()
        [[4, 5, 6, 1]]
        """
        counts = np.zeros(len(vocabulary), np.int64)
        return cls(
            setting, tuple(vocabulary), counts, sequence_length, rules=rules
        )

    def library_file(self) -> str | None:
        """Returns the tokenizer as a file of the package `tokenizers`.

        Returns:
            JSON with which the package cuts off and pads, too; None: the
            package has nothing that gives the same ids.
        """
        rules = self.scheme.rules
        if rules is None:
            return None
        return rules_file(rules(self.vocabulary), self.sequence_length)

    def save(self, folder: str | os.PathLike) -> None:
        """Writes tokenizer.json and vocabulary.txt.

        Rules are a tokenizer.json alone, which the package reads.
        """
        folder = pathlib.Path(folder)
        if self.rules:
            text = rules_file(self.rules, self.sequence_length)
            write_text(folder / SETTINGS_FILE, text)
            return
        digest = files.write(
            folder / VOCABULARY_FILE, self.vocabulary, self.counts
        )
        settings = {
            "version": _VERSION,
            "setting": self.setting,
            "sequence_length": self.sequence_length,
            "width": self.width,
            "vocabulary": digest,
        }
        write_json(folder / SETTINGS_FILE, settings)

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "Tokenizer":
        """Reads what `save` wrote.

        Raises:
            UserError: a file is missing or damaged.
        """
        path = pathlib.Path(folder, SETTINGS_FILE)
        found = read_json(path)
        if are_rules(found):
            return cls.given(*read_rules(found, path))
        found = _checked(found, path)
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
        encode = self._pieces() if self.scheme.cuts else self._words()

        def call(texts: tf.Tensor) -> tf.RaggedTensor:
            return encode(self.scheme.split(texts))

        return traced(call) if self.in_graph else call

    def _words(self) -> _Encode:
        table = StringTable(self.vocabulary[len(SPECIAL) :])
        ngrams = self.scheme.ngrams

        def encode(words: tf.RaggedTensor) -> tf.RaggedTensor:
            ids = _ids(table.find(words.flat_values))
            if ngrams:
                found = self._ngrams(ngrams, words.flat_values)
                ids = tf.concat([ids[:, None], found], 1)
            return words.with_flat_values(ids)

        return encode

    def _pieces(self) -> _Encode:
        pieces = Pieces(self.vocabulary[len(SPECIAL) :])

        def encode(words: tf.RaggedTensor) -> tf.RaggedTensor:
            distinct, indices = tf.unique(words.flat_values)
            cut = tf.gather(pieces.cut(distinct), indices)
            cut = cut.with_flat_values(_ids(cut.flat_values))
            return words.with_values(cut).merge_dims(1, 2)

        return encode

    def _ngrams(self, ngrams: Ngrams, words: tf.Tensor) -> tf.Tensor:
        distinct, indices = tf.unique(words)
        found = ngrams.ids(distinct, self.width - 1)
        found = tf.where(found > 0, found + len(self.vocabulary) - 1, 0)
        return tf.gather(tf.cast(found, tf.int32), indices)


def _ids(indices: tf.Tensor) -> tf.Tensor:
    """Returns ids of tokens, given their indices after the special ones."""
    return tf.where(indices < 0, UNKNOWN, indices + len(SPECIAL))


def _checked(found: Any, path: pathlib.Path) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _damaged(path, "setting")
    for name in ("setting", "vocabulary"):
        if type(found.get(name)) is not str:
            raise _damaged(path, name)
    for name in ("version", "sequence_length", "width"):
        # a bool is no number here
        if type(found.get(name)) is not int or found[name] < 1:
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
