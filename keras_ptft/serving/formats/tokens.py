"""What clients of a model of tokens need to make tokens of texts."""

import importlib.util
import logging
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.errors import UserError
from keras_ptft.files import write_text
from keras_ptft.serving.formats import client
from keras_ptft.serving.signatures.text import stack_padded

_LOG = logging.getLogger("keras_ptft")
_FILE = "tokenizer.json"
_CLIENT = "client.py"
_BATCH = 1024


def write_tokenizer(
    folder: pathlib.Path, tokenizer: Tokenizer, texts: Source, *, tagging: bool
) -> Mapping[str, Any]:
    """Writes a tokenizer as others read it, and a client that uses it.

    The file is of the package `tokenizers`, where that gives the same ids
    for any text, which is proved on `texts`. Where it does not, nothing is
    written, and that is told.

    Args:
        folder: of the formats.
        tokenizer: of the model.
        texts: of the test split.
        tagging: whether the words of a text have labels, not the text.

    Returns:
        What export.json tells: `tokenizer` and `client`, where they are,
        and `texts`, how many proved them; nothing where none are written.

    Raises:
        UserError: the package gives other ids.
    """
    if obstacle := _obstacle(tokenizer, tagging):
        _LOG.info(
            "The other formats come without a tokenizer.json and a client.py, "
            "since %s: make ids of texts by keras_ptft.",
            obstacle,
        )
        return {}
    write_text(folder / _FILE, tokenizer.library_file() or "")
    shutil.copyfile(client.__file__, folder / _CLIENT)
    for start in range(0, len(texts), _BATCH):
        stop = min(start + _BATCH, len(texts))
        rows = texts.gather(tf.range(start, stop, dtype=tf.int64)).numpy()
        _check(folder, tokenizer, rows)
    return {
        "tokenizer": f"{folder.name}/{_FILE}",
        "client": f"{folder.name}/{_CLIENT}",
        "texts": len(texts),
    }


def _obstacle(tokenizer: Tokenizer, tagging: bool) -> str:
    if tagging:
        return "a tagger reads one token a word"
    if tokenizer.scheme.rules is None:
        return f"the package tokenizers has no equal of {tokenizer.setting}"
    if importlib.util.find_spec("tokenizers") is None:
        return (
            "the package tokenizers is not installed (pip install "
            '"keras_ptft[text]")'
        )
    return ""


def _check(
    folder: pathlib.Path, tokenizer: Tokenizer, rows: np.ndarray
) -> None:
    """Raises a UserError unless the client makes our ids of some texts."""
    texts = [row.decode("utf-8", "replace") for row in rows]
    ours = tokenizer(rows)[:, : tokenizer.sequence_length]
    found = client.encode(texts, folder)
    both = stack_padded([ours.to_tensor().numpy(), found])
    differ = np.any(both[: len(rows)] != both[len(rows) :], axis=1)
    if differ.any():
        text = texts[differ.argmax()]
        raise UserError(
            f"The package tokenizers gives other ids than the model was "
            f"trained on for {text[:40]!r}: nothing was published; leave out "
            "--formats, or install another release of the package."
        )
