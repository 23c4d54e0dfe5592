"""What an export is asked before it is published, and must answer."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.errors import UserError
from keras_ptft.serving.signatures.arrays import serving_fn
from keras_ptft.serving.signatures.text import ids_of, is_tagging
from keras_ptft.serving.verification.worker import packed

TOLERANCE = 1e-5
_EXAMPLES = 64
ODD_TEXTS = (
    b"",
    b" \n ",
    b"\0a\0",
    b"\xff\xfe a \xc3(",
    "\U0001f469\u200d\U0001f680 \U0001f1e8\U0001f1f3 北京".encode(),
    b"a" * 100_000,
    "北 京 ".encode() * 25_000,
)
"""Texts to which any model must have an answer."""

Questions = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Texts:
    """What the examples of a text model were made from.

    Attributes:
        tokenizer: what made them.
        texts: UTF-8 as `bytes`, of shape (examples,).
    """

    tokenizer: Tokenizer
    texts: np.ndarray


def examples_of(
    source: Source, tokenizer: Tokenizer | None = None
) -> tuple[np.ndarray, Texts | None]:
    """The first examples of a source, and the texts they were made from.

    Args:
        source: of arrays or, with a tokenizer, of tokens.
        tokenizer: what made the tokens.
    """
    first = tf.range(min(len(source), _EXAMPLES), dtype=tf.int64)
    examples = source.gather(first).numpy()
    if tokenizer is None:
        return examples, None
    return examples, Texts(tokenizer, source.texts.gather(first).numpy())


def questions(
    model: keras.Model,
    examples: np.ndarray,
    label_names: Sequence[str],
    texts: Texts | None = None,
) -> Questions:
    """Examples, and what a Keras model says of them.

    Where texts are served, `ODD_TEXTS` stand before those given.

    Args:
        model: one input, one output of logits, computing in float32.
        examples: of shape (examples, *input shape); of a text model the
            ids that it was trained on or alike.
        label_names: a name for each logit.
        texts: what the examples were made from.

    Returns:
        What `prove` asks, as arrays without objects.
    """
    examples = np.asarray(examples, model.inputs[0].dtype)
    asked = {}
    if texts is not None and texts.tokenizer.in_graph:
        examples, asked = _with_odd(model, examples, texts)
        asked["label_names"] = packed([name.encode() for name in label_names])
    # as the proof computes: an accelerator would round differently
    with tf.device("CPU:0"):
        outputs = serving_fn(model)(examples)
    outputs = {name: values.numpy() for name, values in outputs.items()}
    return {"examples": examples, **asked, **outputs}


def proved(folder: pathlib.Path, questions: Questions) -> dict[str, float]:
    """How far an export is from what it should answer, in a fresh process.

    Args:
        folder: of the SavedModel.
        questions: as `questions` gives them.

    Returns:
        Signature name to the largest difference.

    Raises:
        UserError: a difference is over 1e-5.
    """
    with tempfile.TemporaryDirectory() as place:
        file = os.path.join(place, "questions.npz")
        np.savez(file, **questions)
        differences = _ask_fresh_process(folder, file)
    worst = max(differences, key=differences.__getitem__)
    if differences[worst] > TOLERANCE:
        raise UserError(
            f"The export differs from the Keras model by "
            f"{differences[worst]:.2g} in {worst!r}, expected at most "
            f"{TOLERANCE:g}: nothing was published; look for a layer that "
            "is random or differs when it serves."
        )
    return differences


def _with_odd(
    model: keras.Model, ids: np.ndarray, texts: Texts
) -> tuple[np.ndarray, Questions]:
    """Ids of odd texts and others, and these texts, and their words."""
    tagging = is_tagging(model)
    odd = ids_of(tf.constant(ODD_TEXTS), texts.tokenizer, tagging=tagging)
    every = [*ODD_TEXTS, *texts.texts]
    asked = {"texts": packed(every)}
    if tagging:
        longest = texts.tokenizer.sequence_length
        words = [text.split()[:longest] for text in every]
        asked["words"] = packed(tf.ragged.constant(words).to_tensor(""))
    return _stacked([odd.numpy(), ids]), asked


def _stacked(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Ids of texts one below the other, padded to the same length."""
    longest = max(part.shape[1] for part in parts)
    rest = [(0, 0)] * (parts[0].ndim - 2)
    return np.concatenate(
        [
            np.pad(part, [(0, 0), (0, longest - part.shape[1]), *rest])
            for part in parts
        ]
    )


def _ask_fresh_process(folder: pathlib.Path, file: str) -> Mapping[str, float]:
    package = pathlib.Path(__file__).parents[2]
    paths = [str(package), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # this process may hold all of an accelerator's memory
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    command = [sys.executable, "-m", "keras_ptft.serving.verification.worker"]
    done = subprocess.run(
        [*command, os.fspath(folder), file],
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"The export cannot be loaded:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])
