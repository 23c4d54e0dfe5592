"""The texts of a run as tokens, as its weights or its settings say."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import tensorflow as tf

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.data.core.info import InputSpec
from keras_ptft.data.text.pair_source import incomplete, pair_source
from keras_ptft.data.text.token_source import texts_of, token_source
from keras_ptft.data.text.tokenizers import Tokenizer, learn
from keras_ptft.data.text.window_source import token_window_source
from keras_ptft.errors import UserError
from keras_ptft.experiment.privacy import check_private_texts
from keras_ptft.experiment.weights import Weights
from keras_ptft.objectives import Objective
from keras_ptft.objectives.saved import objective_type
from keras_ptft.training.distribution.strategies import TPU

_LOG = logging.getLogger("keras_ptft")

TOKENIZER = "characters"
"""The default: it splits Chinese and its like into characters, and other
scripts into words."""

_WINDOW = 128


def _are_texts(spec: InputSpec) -> bool:
    return isinstance(spec, tf.TensorSpec) and spec.dtype == tf.string


def encoded(
    config: Config, dataset: Dataset, weights: Weights | None
) -> Dataset:
    """Returns texts as tokens, as the weights or the settings say."""
    if not _are_texts(dataset.spec):
        return dataset
    kind = objective_type(config.objective)
    if weights is None:
        check_private_texts(config)
        tokenizer = learn(
            config.tokenizer or TOKENIZER,
            partial(texts_of, dataset.splits["train"]),
            config.sequence_length,
        )
    else:
        tokenizer = weights.tokenizer()
        _check_tokenizer(config, tokenizer, weights)
    length = config.sequence_length or tokenizer.sequence_length
    if kind.windows and weights is None:
        length = config.sequence_length or _WINDOW
    tokenizer = dataclasses.replace(tokenizer, sequence_length=length)
    make = _maker(config, kind)
    parts = {name: make(s, tokenizer) for name, s in dataset.splits.items()}
    _log_losses(tokenizer, next(iter(parts.values())))
    made = dataclasses.replace(dataset, splits=parts, tokenizer=tokenizer)
    if kind.pairs:
        return made.noting(*_without_partner(parts, length))
    return made.noting(*_without_tokens(parts))


def _maker(
    config: Config, kind: type[Objective]
) -> Callable[[Source, Tokenizer], Source]:
    """What makes tokens of the texts of a split."""
    if kind.windows:
        return token_window_source
    make = pair_source if kind.pairs else token_source
    # a TPU compiles every length anew, which takes it minutes
    return partial(make, one_length=config.strategy == TPU)


def _without_partner(parts: Mapping[str, Source], longest: int) -> list[str]:
    counts = {name: incomplete(part, longest) for name, part in parts.items()}
    return [
        f"{count:,} of {len(parts[split]):,} {split} pairs lack a text, and "
        "are not counted"
        for split, count in counts.items()
        if count
    ]


def _without_tokens(parts: Mapping[str, Source]) -> list[str]:
    counts = {
        split: int(np.count_nonzero(part.lengths == 0))
        for split, part in parts.items()
        if part.lengths is not None
    }
    return [
        f"{count:,} of {len(parts[split]):,} {split} texts have no token"
        for split, count in counts.items()
        if count
    ]


def _check_tokenizer(
    config: Config, tokenizer: Tokenizer, weights: Weights
) -> None:
    if config.tokenizer not in ("", tokenizer.setting):
        raise UserError(
            f"The weights {weights.name} read text by --tokenizer="
            f"{tokenizer.setting}, got {config.tokenizer}: leave it out."
        )


def _log_losses(tokenizer: Tokenizer, source: Source) -> None:
    size, longest = len(tokenizer.vocabulary), tokenizer.sequence_length
    text = f"{size:,} in the vocabulary, {source.unknown:.2%} unknown"
    if source.cut_off is not None:
        text += f", {source.cut_off:.2%} of the texts cut off at {longest:,}"
    _LOG.info("Tokens by %s: %s.", tokenizer.setting, text)


def check_same_tokens(dataset: Dataset, known: Sequence[Weights]) -> None:
    """Raises a UserError unless a teacher reads texts as the weights do."""
    if not _are_texts(dataset.spec) or len(known) < 2:
        return
    ours, theirs = (each.tokenizer() for each in known)
    if (ours.setting, ours.vocabulary) != (theirs.setting, theirs.vocabulary):
        raise UserError(
            f"The teacher {known[1].name} must read texts as {known[0].name} "
            "does, with the same tokenizer and vocabulary: pretrain from "
            "random weights, which takes the teacher's, or choose another."
        )
