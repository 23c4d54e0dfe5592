"""Generates text with a causal language model, a token at a time."""

import os
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.text.tokenizers import END, Tokenizer
from keras_ptft.serving.generation.sampling import Sampling, stepper
from keras_ptft.serving.inference.results import Generated
from keras_ptft.serving.inputs.texts import text_batches

# more texts at a time do not fit the caches of a CPU
_BATCH = 32


def generate(
    model: keras.Model,
    tokenizer: Tokenizer,
    inputs: Sequence[str | os.PathLike],
    sampling: Sampling,
    text_column: str = "",
) -> list[Generated]:
    """Continues each text with sampled tokens.

    Args:
        model: causal language model: ids of shape (batch, tokens[, width])
            → logits of the next token, (batch, tokens, vocabulary).
        tokenizer: what made the ids that the model was trained on.
        inputs: texts, as `text_batches` takes them; an empty one starts
            a new text, as after the end of another.
        sampling: how many tokens, and how they are chosen.
        text_column: column of texts in tables; empty: "text".

    Returns:
        The continued texts, in order.

    Raises:
        UserError: an input cannot be read.
    """
    step = stepper(model, tokenizer, sampling)
    found: list[Generated] = []
    batches = text_batches(inputs, text_column=text_column, batch_size=_BATCH)
    for names, texts in batches:
        prompts = _prompts(tokenizer, texts)
        window = _window(prompts, tokenizer)
        rows = _continued(window, step, sampling.tokens, len(found))
        found += [
            Generated(name, _joined(tokenizer, text, prompt, new))
            for name, text, prompt, new in zip(
                names, texts, prompts, rows, strict=True
            )
        ]
    return found


def _prompts(tokenizer: Tokenizer, texts: np.ndarray) -> list[list]:
    """The tokens of each text; if it has none, the end of another text."""
    rest = tokenizer.width - 1
    end = [END, *[0] * rest] if rest else END
    return [tokens or [end] for tokens in tokenizer(texts).to_list()]


def _window(
    prompts: Sequence[list], tokenizer: Tokenizer
) -> tuple[np.ndarray, np.ndarray]:
    """The last ids of each prompt that the model reads, and their number."""
    most, width = tokenizer.sequence_length, tokenizer.width
    rest = (width,) if width > 1 else ()
    ids = np.zeros((len(prompts), most, *rest), np.int32)
    lengths = np.zeros(len(prompts), np.int64)
    for row, prompt in enumerate(prompts):
        last = prompt[-most:]
        ids[row, : len(last)], lengths[row] = last, len(last)
    return ids, lengths


def _continued(
    window: tuple[np.ndarray, np.ndarray],
    step: Callable,
    tokens: int,
    first: int,
) -> list[list[int]]:
    """Ids of the tokens that are added to each prompt."""
    ids, lengths = map(tf.constant, window)
    indices = first + tf.range(lengths.shape[0], dtype=tf.int64)
    new = np.full((lengths.shape[0], tokens), END)
    ended = np.zeros(lengths.shape[0], bool)
    for position in range(tokens):
        ids, lengths, chosen = step(ids, lengths, indices, np.int64(position))
        ended |= chosen.numpy() == END
        new[~ended, position] = chosen.numpy()[~ended]
        if ended.all():
            break
    return [[token for token in row if token != END] for row in new.tolist()]


def _joined(
    tokenizer: Tokenizer, text: bytes, prompt: list, new: list[int]
) -> str:
    """The text as it was given, and what follows as its tokens are read."""
    known = [ids[0] if isinstance(ids, list) else ids for ids in prompt]
    before = tokenizer.text_of(known)
    after = tokenizer.text_of([*known, *new]).removeprefix(before)
    given = text.decode("utf-8", "replace")
    if not before[-1:].isspace():
        # tokens that are words hold no spaces
        given = given.rstrip()
    return given + after
