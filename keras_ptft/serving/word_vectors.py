"""Writes word vectors in the formats of other programs."""

import os
import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from keras_ptft.files import replacing, write_text

# enough digits to restore any float32 exactly
_NUMBER = "%.9g"
_CONFIG = """\
embeddings {
  tensor_path: "tensors.tsv"
  metadata_path: "metadata.tsv"
}
"""


def write_word2vec(
    path: str | os.PathLike, words: Sequence[str], vectors: np.ndarray
) -> None:
    """Writes vectors in the text format of word2vec.

    The first line holds their number and width, each further line a word:
    gensim's `KeyedVectors.load_word2vec_format` reads it. White space in a
    word is escaped, as `\\u0020`.

    Args:
        path: of the file, which is written whole or not at all.
        words: distinct, one for each row.
        vectors: of shape (words, width).

    Raises:
        ValueError: the number of words is not that of the rows.
        DiskError: the file cannot be written.
    """
    _check(words, vectors)
    rows = _rows(vectors, " ")
    lines = (
        f"{_plain(word)} {row}" for word, row in zip(words, rows, strict=True)
    )
    head = f"{len(words)} {vectors.shape[1]}"
    _write_lines(path, [head, *lines])


def write_projector(
    folder: str | os.PathLike, words: Sequence[str], vectors: np.ndarray
) -> None:
    """Writes the files of TensorBoard's embedding projector.

    `tensors.tsv` and `metadata.tsv`, which projector.tensorflow.org also
    loads, and `projector_config.pbtxt`, by which `tensorboard
    --logdir=<folder>` finds them.

    Args:
        folder: where the three files are written, each whole or not at all.
        words: distinct, one for each row.
        vectors: of shape (words, width).

    Raises:
        ValueError: the number of words is not that of the rows.
        DiskError: a file cannot be written.
    """
    _check(words, vectors)
    folder = pathlib.Path(folder)
    _write_lines(folder / "tensors.tsv", _rows(vectors, "\t"))
    _write_lines(folder / "metadata.tsv", map(_plain, words))
    write_text(folder / "projector_config.pbtxt", _CONFIG)


def _check(words: Sequence[str], vectors: np.ndarray) -> None:
    if vectors.ndim != 2 or len(words) != len(vectors):
        raise ValueError(
            f"Expected vectors of shape ({len(words)}, width), a row per word, "
            f"got {vectors.shape}."
        )


def _rows(vectors: np.ndarray, separator: str) -> Iterable[str]:
    form = separator.join([_NUMBER] * vectors.shape[1])
    return (form % tuple(row) for row in vectors.tolist())


def _plain(word: str) -> str:
    return re.sub(r"\s", lambda found: f"\\u{ord(found[0]):04x}", word)


def _write_lines(path: str | os.PathLike, lines: Iterable[str]) -> None:
    with (
        replacing(path) as partial,
        open(partial, "w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(f"{line}\n" for line in lines)
