"""Text that a language model writes, a token at a time."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.text.tokenizers import END, Tokenizer
from keras_ptft.errors import UserError
from keras_ptft.models.feature_model import check_causal
from keras_ptft.models.saved import load_model
from keras_ptft.serving.generation.sampling import Sampling, stepper
from keras_ptft.serving.inference.resolve import find_keras_file
from keras_ptft.serving.inputs.texts import text_batches

# together: more do not fit the caches of a CPU
_BATCH = 32


@dataclasses.dataclass(frozen=True)
class Generated:
    """A text that a model went on with.

    Attributes:
        name: of the input, as `Prediction` has it.
        text: the input and what follows it.
    """

    name: str
    text: str

    def __str__(self) -> str:
        """As the terminal shows it."""
        return self.text

    def cells(self) -> dict[str, str]:
        """Columns and cells of its row in a CSV file."""
        return {"input": self.name, "text": self.text}


def generate(
    path: str | os.PathLike,
    inputs: Sequence[str | os.PathLike],
    sampling: Sampling,
    text_column: str = "",
) -> list[Generated]:
    """Goes on with each text as a language model foretells.

    Args:
        path: a run folder of a causal objective, or its `model.keras`.
        inputs: texts, as `text_batches` takes them; an empty one begins
            anew, as after an end.
        sampling: how many tokens, and how they are chosen.
        text_column: column of texts in tables; empty: "text".

    Raises:
        UserError: the model foretells no tokens, or an input cannot be
            read.
    """
    file = find_keras_file(path)
    if file is None:
        raise UserError(
            f"No language model in {path}, which --generate needs: give a "
            "run folder or .keras file of --objective=next_token."
        )
    model = load_model(file)
    tokenizer = _tokenizer_of(model, file)
    step = stepper(model, tokenizer, sampling)
    found = []
    batches = text_batches(inputs, text_column=text_column, batch_size=_BATCH)
    for names, texts in batches:
        prompts = _prompts(tokenizer, texts)
        window = _window(prompts, tokenizer)
        rows = _continued(window, step, sampling.tokens, len(found))
        found += map(
            partial(_generated, tokenizer), names, texts, prompts, rows
        )
    return found


def _tokenizer_of(model: keras.Model, file: pathlib.Path) -> Tokenizer:
    """The tokenizer of a language model; others are refused."""
    refused = UserError(
        f"The model {file} is no language model, which --generate needs: "
        "give a run of --objective=next_token, or leave --generate out."
    )
    if not (file.parent / "tokenizer.json").is_file():
        raise refused
    tokenizer = Tokenizer.load(file.parent)
    ids = (None, None, *((tokenizer.width,) if tokenizer.width > 1 else ()))
    words = (None, None, len(tokenizer.vocabulary))
    if (model.input_shape, model.output_shape) != (ids, words):
        raise refused
    try:
        check_causal(model)
    except UserError:
        raise refused from None
    return tokenizer


def _prompts(tokenizer: Tokenizer, texts: np.ndarray) -> list[list]:
    """The tokens of each text; where it has none, the end of another."""
    rest = tokenizer.width - 1
    end = [END, *[0] * rest] if rest else END
    return [tokens or [end] for tokens in tokenizer(texts).to_list()]


def _window(
    prompts: Sequence[list], tokenizer: Tokenizer
) -> tuple[np.ndarray, np.ndarray]:
    """The last ids of each prompt, as many as a model reads, and how many."""
    most, width = tokenizer.sequence_length, tokenizer.width
    rest = (width,) if width > 1 else ()
    ids = np.zeros((len(prompts), most, *rest), np.int32)
    lengths = np.zeros(len(prompts), np.int64)
    for row, prompt in enumerate(prompts):
        last = prompt[-most:]
        ids[row, : len(last)], lengths[row] = last, len(last)
    return ids, lengths


def _continued(
    window: tuple, step: Callable, tokens: int, first: int
) -> list[list[int]]:
    """Ids of the tokens that are added to each prompt."""
    ids, lengths = map(tf.constant, window)
    numbers = first + tf.range(lengths.shape[0], dtype=tf.int64)
    new = np.full((lengths.shape[0], tokens), END)
    ended = np.zeros(lengths.shape[0], bool)
    for place in range(tokens):
        ids, lengths, chosen = step(ids, lengths, numbers, np.int64(place))
        ended |= chosen.numpy() == END
        new[~ended, place] = chosen.numpy()[~ended]
        if ended.all():
            break
    return [[id for id in row if id != END] for row in new.tolist()]


def _generated(
    tokenizer: Tokenizer, name: str, text: bytes, prompt: list, new: list[int]
) -> Generated:
    """A text as it was given, and what follows as its tokens are read."""
    known = [id[0] if isinstance(id, list) else id for id in prompt]
    before = tokenizer.text_of(known)
    after = tokenizer.text_of([*known, *new]).removeprefix(before)
    given = text.decode("utf-8", "replace")
    if not before[-1:].isspace():
        # tokens of words know no spaces
        given = given.rstrip()
    return Generated(name, given + after)
