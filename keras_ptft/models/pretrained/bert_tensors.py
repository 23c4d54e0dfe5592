"""The tensors of a BERT model as the backbone here has them."""

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np

from keras_ptft.models.pretrained.bert_folder import (
    CLS,
    MASK,
    PAD,
    SEP,
    UNKNOWN,
    BertFolder,
)
from keras_ptft.models.pretrained.filling import Target, refuse

Tensors = Mapping[str, np.ndarray]

# the first ids: theirs → ours
_FIRST = {PAD: PAD, UNKNOWN: UNKNOWN, MASK: MASK, SEP: "[END]"}
_WORDS = "embeddings.word_embeddings.weight"
_POSITIONS = "embeddings.position_embeddings.weight"
_SEGMENTS = "embeddings.token_type_embeddings.weight"
_ENDS = "[CLS] and [SEP]"
# of the tasks that BERT was trained on, and numbers that count positions
UNUSED = (
    "embeddings.position_ids",
    "pooler.dense.weight",
    "pooler.dense.bias",
    "cls.predictions.bias",
    "cls.predictions.decoder.weight",
    "cls.predictions.decoder.bias",
    "cls.predictions.transform.dense.weight",
    "cls.predictions.transform.dense.bias",
    "cls.predictions.transform.LayerNorm.weight",
    "cls.predictions.transform.LayerNorm.bias",
    "cls.seq_relationship.weight",
    "cls.seq_relationship.bias",
    "classifier.weight",
    "classifier.bias",
    "qa_outputs.weight",
    "qa_outputs.bias",
)
_OLD = {".LayerNorm.gamma": ".LayerNorm.weight"}
_OLD |= {".LayerNorm.beta": ".LayerNorm.bias"}


def vocabulary_of(described: BertFolder) -> tuple[str, ...]:
    """Returns the token of each of our ids."""
    return reordered(described.vocabulary)


def reordered(vocabulary: Iterable[str]) -> tuple[str, ...]:
    """Returns the token of each of our ids, given those of the model's own.

    Example:

    >>> reordered(["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", "a"])
    ('[PAD]', '[UNK]', '[MASK]', '[END]', '[CLS]', 'a')
    """
    rest = (token for token in vocabulary if token not in _FIRST)
    return (*_FIRST.values(), *rest)


def renamed(tensors: Tensors) -> dict[str, np.ndarray]:
    """Returns the tensors by the names of a plain model of today.

    Models with a head have "bert." before each of the others, and the first
    ones call the weights of a layer normalisation otherwise.
    """
    found = {}
    for name, tensor in tensors.items():
        for old, new in _OLD.items():
            if name.endswith(old):
                name = name.removesuffix(old) + new
        found[name.removeprefix("bert.")] = tensor
    return found


def joined(
    tensors: Tensors, described: BertFolder, origin: str
) -> dict[str, np.ndarray]:
    """Returns the tensors with a row for each of our ids, without segments.

    All tokens are in the first segment, whose vector is added to those of
    the positions. Some models have more rows than tokens: these stay out.

    Args:
        tensors: by the names that `renamed` gives.
        described: the model.
        origin: where they come from, for people.

    Raises:
        UserError: one that is joined is missing or has another shape.
    """
    absent = [n for n in (_WORDS, _POSITIONS, _SEGMENTS) if n not in tensors]
    refuse(absent, [], [], origin)
    words, positions, segments = (
        tensors[name].astype(np.float32)
        for name in (_WORDS, _POSITIONS, _SEGMENTS)
    )
    index = {token: row for row, token in enumerate(described.vocabulary)}
    width, least = described.width, len(index)
    shapes = {
        _WORDS: (words, least),
        _POSITIONS: (positions, described.longest),
        _SEGMENTS: (segments, 1),
    }
    misfits = [
        f"{name} of shape {rows.shape}, in place of {count} rows of {width}"
        for name, (rows, count) in shapes.items()
        if rows.ndim != 2 or len(rows) < count or rows.shape[1] != width
    ]
    refuse([], [], misfits, origin)
    ours = [*_FIRST, *(token for token in index if token not in _FIRST)]
    found = {name: t for name, t in tensors.items() if name != _SEGMENTS}
    found[_WORDS] = words[[index[token] for token in ours]]
    found[_ENDS] = words[[index[CLS], index[SEP]]]
    found[_POSITIONS] = positions + segments[0]
    return found


def names_of(described: BertFolder) -> dict[str, Target]:
    """Returns where each tensor that `joined` gives belongs."""
    names = {
        _WORDS: Target("embedding_table", "embeddings"),
        _POSITIONS: Target("positions_table", "embeddings"),
        _ENDS: Target("positions_ends", "embeddings"),
        **_norm("embeddings.LayerNorm", "positions_norm"),
    }
    for index in range(described.depth):
        theirs, ours = f"encoder.layer.{index}", f"block{index + 1}"
        names |= _attention(f"{theirs}.attention", ours, described)
        names |= _norm(
            f"{theirs}.attention.output.LayerNorm", f"{ours}_attention_norm"
        )
        names |= _dense(f"{theirs}.intermediate.dense", f"{ours}_dense_hidden")
        names |= _dense(f"{theirs}.output.dense", f"{ours}_dense")
        names |= _norm(f"{theirs}.output.LayerNorm", f"{ours}_dense_norm")
    return names


def _attention(
    theirs: str, ours: str, described: BertFolder
) -> dict[str, Target]:
    width, heads = described.width, described.heads
    apart = (heads, width // heads)
    into = partial(_reshaped, shape=(width, *apart))
    layer, names = f"{ours}_attention", {}
    for part in ("query", "key", "value"):
        name = f"{theirs}.self.{part}"
        names[f"{name}.weight"] = Target(layer, f"{part}/kernel", into)
        split = partial(_split, shape=apart)
        names[f"{name}.bias"] = Target(layer, f"{part}/bias", split)
    out, name = "attention_output", f"{theirs}.output.dense"
    back = partial(_reshaped, shape=(*apart, width))
    names[f"{name}.weight"] = Target(layer, f"{out}/kernel", back)
    names[f"{name}.bias"] = Target(layer, f"{out}/bias")
    return names


def _reshaped(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    # a ValueError unless it has two axes
    return np.transpose(kernel, (1, 0)).reshape(shape)


def _split(bias: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return bias.reshape(shape)


def _dense(theirs: str, ours: str) -> dict[str, Target]:
    turned = partial(np.transpose, axes=(1, 0))
    return {
        f"{theirs}.weight": Target(ours, "kernel", turned),
        f"{theirs}.bias": Target(ours, "bias"),
    }


def _norm(theirs: str, ours: str) -> dict[str, Target]:
    return {
        f"{theirs}.weight": Target(ours, "gamma"),
        f"{theirs}.bias": Target(ours, "beta"),
    }
