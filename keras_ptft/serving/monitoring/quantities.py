"""What is measured of an input, and of a model's answer to it."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.tokenizers import PAD, UNKNOWN
from keras_ptft.serving.monitoring.histograms import OTHERS

Values = Mapping[str, np.ndarray]
"""By the name of a quantity one value an example: float64, or `str` objects."""

MOST_COLUMNS = 200
"""Columns of a table that are watched, the first ones."""

LEARNED = ("unknown tokens",)
"""Quantities of inputs that training has fitted: of its own examples they say
little, as the vocabulary is that of the training split."""

# graphs and eager operations round differently, and equal answers are to be
# counted alike
_DECIMALS = 5


def of_images(images: np.ndarray, info: DataInfo) -> Values:
    """Measures pixels.

    Args:
        images: of shape (examples, height, width, channels).
        info: of the data.

    Returns:
        Mean and standard deviation of all pixels of an image, in the units
        of the input; of uint8 also the share that is 0 or 255.
    """
    del info
    found = {
        "pixel mean": [image.mean(dtype=np.float64) for image in images],
        "pixel contrast": [image.std(dtype=np.float64) for image in images],
    }
    if images.dtype == np.uint8:
        ends = [np.isin(image, (0, 255)).mean() for image in images]
        found["saturated pixels"] = ends
    return {name: np.array(rows, np.float64) for name, rows in found.items()}


def of_vectors(rows: np.ndarray, info: DataInfo) -> Values:
    """Measures each column of a table, up to `MOST_COLUMNS`.

    Args:
        rows: of shape (examples, columns); NaN: missing.
        info: has the names of the columns.
    """
    names = info.columns or [str(index) for index in range(rows.shape[1])]
    columns = rows.astype(np.float64).T[:MOST_COLUMNS]
    return {f"column {n}": x for n, x in zip(names, columns, strict=False)}


def of_ids(ids: np.ndarray, info: DataInfo) -> Values:
    """Measures texts by their tokens.

    Args:
        ids: as a model reads them, of shape (texts, tokens[, width]).
        info: of the data.

    Returns:
        The number of tokens, which ends where a model stops to read; the
        share of unknown ones; and whether there is none.
    """
    del info
    first = ids if ids.ndim == 2 else ids[..., 0]
    lengths = (first != PAD).sum(axis=1).astype(np.float64)
    unknown = (first == UNKNOWN).sum(axis=1) / np.maximum(lengths, 1)
    empty = np.where(lengths == 0, "empty", "not empty").astype(object)
    return {"tokens": lengths, "unknown tokens": unknown, "empty text": empty}


def of_arrays(arrays: np.ndarray, info: DataInfo) -> Values:
    """Measures mean and standard deviation of each array."""
    del info
    flat = arrays.reshape(len(arrays), -1).astype(np.float64)
    return {"array mean": flat.mean(axis=1), "array spread": flat.std(axis=1)}


OF_INPUTS: dict[str, Callable[[np.ndarray, DataInfo], Values]] = {
    "image": of_images,
    "vector": of_vectors,
    "tokens": of_ids,
}
"""Name of an input, as data sets call it, to what measures it."""


def of_input(name: str, inputs: np.ndarray, info: DataInfo) -> Values:
    """Measures inputs of one name; those of no other kind as arrays."""
    return OF_INPUTS.get(name, of_arrays)(inputs, info)


def of_numbers(outputs: Values, label_names: Sequence[str]) -> Values:
    """Measures a predicted number, with six digits."""
    del label_names
    values = outputs["value"].astype(np.float64)
    return {"value": np.array([float(f"{x:.6g}") for x in values])}


def of_sets(outputs: Values, label_names: Sequence[str]) -> Values:
    """Measures a set of labels: how many, and the highest probability."""
    del label_names
    highest = outputs["probabilities"].max(axis=1).astype(np.float64)
    return {
        "highest probability": highest.round(_DECIMALS),
        "labels given": outputs["chosen"].sum(axis=1).astype(np.float64),
    }


def of_tags(outputs: Values, label_names: Sequence[str]) -> Values:
    """Measures the tags of a text by the least probability of its words."""
    del label_names
    highest = outputs["probabilities"].max(axis=-1).astype(np.float64)
    of_words = np.where(outputs["words"] != b"", highest, 1)
    least = of_words.min(axis=1, initial=1)
    return {"confidence": least.round(_DECIMALS)}


def of_classes(outputs: Values, label_names: Sequence[str]) -> Values:
    """Measures one label an example.

    Returns:
        The label; its probability, the confidence; and the entropy of all
        probabilities, in nats.
    """
    shares = outputs["probabilities"].astype(np.float64)
    confidence = shares.max(axis=1)
    # the logarithm of 0 counts for nothing
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1)
    labels = np.array(label_names, object)[shares.argmax(axis=1)]
    labels[np.isnan(confidence)] = OTHERS
    return {
        "confidence": confidence.round(_DECIMALS),
        "entropy": entropy.round(_DECIMALS),
        "label": labels,
    }


OF_OUTPUTS: dict[str, Callable[[Values, Sequence[str]], Values]] = {
    "value": of_numbers,
    "chosen": of_sets,
    "words": of_tags,
    "probabilities": of_classes,
}
"""An output that tells what a model answers with, to what measures that."""


def of_answers(outputs: Values, label_names: Sequence[str]) -> Values:
    """Measures answers by the first of `OF_OUTPUTS` that there is.

    Args:
        outputs: by name, of shape (examples, ...).
        label_names: the name of each label.
    """
    found = (of for name, of in OF_OUTPUTS.items() if name in outputs)
    measure = next(found, None)
    return measure(outputs, label_names) if measure else {}
