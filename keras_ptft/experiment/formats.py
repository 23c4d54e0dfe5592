"""The part of a version that other runtimes read."""

import logging
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_ptft.data.core.dataset import Source, take_evenly
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics import metric_of
from keras_ptft.experiment.publication import Publication
from keras_ptft.experiment.requests import requests
from keras_ptft.serving.export import Draft
from keras_ptft.serving.formats.format import (
    NO_QUANTIZATION,
    SAVED_MODEL,
    of_numbers,
)
from keras_ptft.serving.formats.limits import check_limits
from keras_ptft.serving.formats.prove import prove
from keras_ptft.serving.formats.table import chosen
from keras_ptft.serving.formats.tokens import write_tokenizer
from keras_ptft.serving.formats.write import FOLDER, write_formats
from keras_ptft.serving.signatures.signature import Arrays, Signature

_LOG = logging.getLogger("keras_ptft")


def formats(given: Publication, draft: Draft) -> Mapping[str, Any]:
    """Writes and proves what --formats names beside the SavedModel.

    Args:
        given: the run that is published.
        draft: its version.

    Returns:
        `signature`, what was converted; `quantize`; `examples`, how many of
        the test split proved it; how many `parameters` the model has, and
        how many `zeros` are among them; and `proved`, what `prove` found of
        each format. Of texts also what `write_tokenizer` wrote. Nothing
        where the version is a SavedModel alone.

    Raises:
        UserError: a format cannot be written or answers otherwise.
    """
    config = given.config
    rows = chosen(config.formats, config.quantize)
    if not rows:
        return {}
    signature = of_numbers(draft.signatures)
    if signature is None:
        raise UserError(
            f"--formats={config.formats} must have a signature that takes "
            "arrays, and this model has none: leave it out."
        )
    paths = write_formats(
        draft.folder,
        signature,
        rows,
        quantize=config.quantize,
        calibration=_calibration(given, signature),
    )
    test = take_evenly(given.dataset.splits["test"], config.prove_examples)
    table = prove(
        draft.folder,
        signature.name,
        {name: (row, paths[name]) for name, row in rows.items()},
        requests(given.model, signature, test, config.largest_batch),
        lambda answers: given.objective.score_answers(answers, test),
    )
    parameters = _parameters(given.model)
    _tell(table, config.quantize, {"examples": len(test), **parameters})
    check_limits(
        table, quantize=config.quantize, max_drop=config.max_accuracy_drop
    )
    return {
        "signature": signature.name,
        "quantize": config.quantize,
        "examples": len(test),
        **parameters,
        "proved": table,
        **_tokenizer(given, draft, test),
    }


def _calibration(given: Publication, signature: Signature) -> list[Arrays]:
    """Training examples, each a batch of one."""
    if given.config.quantize != "int8":
        return []
    train = given.dataset.splits["train"]
    some = take_evenly(train, given.config.calibration_examples)
    return [*requests(given.model, signature, some, 1)]


def _parameters(model: keras.Model) -> dict[str, int]:
    values = model.get_weights()
    total = sum(array.size for array in values)
    kept = sum(int(np.count_nonzero(array)) for array in values)
    return {"parameters": total, "zeros": total - kept}


def _tell(
    table: Mapping[str, Mapping[str, Any]],
    quantize: str,
    counts: Mapping[str, int],
) -> None:
    _LOG.info("Formats on %d test examples, one at a time:", counts["examples"])
    _LOG.info(
        "  the model has %s parameters, %s of them zero.",
        f"{counts['parameters']:,}",
        f"{counts['zeros']:,}",
    )
    for name, found in table.items():
        scores = (
            f"{metric_of(metric).title} {metric_of(metric).text(value)}"
            for metric, value in found["metrics"].items()
        )
        how = "" if quantize == NO_QUANTIZATION else f" {quantize}"
        share = found["bytes"] / table[SAVED_MODEL]["bytes"]
        told = [
            *scores,
            f"largest difference {found['largest_difference']:.2g}",
            f"{found['bytes']:,} bytes ({share:.0%})",
            f"{found['gzip_bytes']:,} gzipped",
            f"{found['latency_ms']:.2f} ms",
        ]
        label = name if name == SAVED_MODEL else f"{name}{how}"
        _LOG.info("  %s: %s", label, ", ".join(told))


def _tokenizer(
    given: Publication, draft: Draft, test: Source
) -> Mapping[str, Any]:
    info = given.objective.info
    if info.tokenizer is None or test.texts is None:
        return {}
    return write_tokenizer(
        draft.folder / FOLDER, info.tokenizer, test.texts, tagging=info.tagged
    )
