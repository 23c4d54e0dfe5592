"""The part of a version that runs in TensorFlow without Python."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from keras_ptft.data.core.dataset import take_evenly
from keras_ptft.experiment.publication import Publication
from keras_ptft.experiment.requests import requests
from keras_ptft.serving.export import Draft
from keras_ptft.serving.signatures.intake import TEXT_INPUT, takes_texts
from keras_ptft.serving.signatures.signature import Arrays
from keras_ptft.serving.verification.prove import MAIN, prove

_LOG = logging.getLogger("keras_ptft")


def proved(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Has TensorFlow's C API answer the cases, and the test split.

    Args:
        given: the run that is published.
        draft: its version.

    Returns:
        What `prove` found of each library that --prove_with names.

    Raises:
        UserError: a library answers otherwise than the Keras model.
    """
    config = given.config
    if not config.prove_with:
        return {}
    test = given.dataset.splits["test"]
    some = take_evenly(test, config.prove_examples)
    (main,) = (each for each in draft.signatures if each.name == MAIN)
    batches: Iterable[Arrays] = requests(
        given.model, main, some, config.largest_batch
    )
    if takes_texts(main) and config.most_text_bytes:
        batches = _allowed(batches, config.most_text_bytes)
    found = prove(draft.folder, draft.signatures, config.prove_with, batches)
    for title, told in found.items():
        _tell(title, told["requests"], len(some), len(test))
    return found


def _allowed(batches: Iterable[Arrays], most: int) -> Iterator[Arrays]:
    """Leaves out the texts that the export refuses."""
    for batch in batches:
        texts = batch[TEXT_INPUT]
        kept = np.array([len(text) <= most for text in texts])
        if kept.any():
            yield {TEXT_INPUT: texts[kept]}


def _tell(title: str, told: Mapping[str, Any], tried: int, total: int) -> None:
    _LOG.info(
        "%s answers %s of %s test examples as the Keras model does, largest "
        "difference %.2g.",
        title,
        f"{told['examples']:,}",
        f"{total:,}",
        told["largest_difference"],
    )
    refused = tried - told["examples"] - told["unsure"]
    for count, reason in (
        (told["unsure"], "whose label may change by rounding"),
        (refused, "longer than --most_text_bytes"),
        (total - tried, "more than --prove_examples"),
    ):
        if count:
            _LOG.info("  Not compared: %s %s.", f"{count:,}", reason)
