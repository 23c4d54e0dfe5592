"""Byte pairs of a known model, with ids as models here have them.

Bytes are joined to tokens as in GPT-2 (Radford et al. 2019, "Language Models
are Unsupervised Multitask Learners"). The package `tokenizers` makes them, of
the rules in its JSON, and so gives what the model was trained on for any text.
KerasHub's own tokenizer does not: it also joins what stands in two words, as
the spaces of "a  to", and in a graph takes the digit ६ for a mark of its own.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from keras_ptft.errors import UserError, on_one_line
from keras_ptft.models.pretrained.bert_folder import (
    CLS,
    MASK,
    PAD,
    SEP,
    UNKNOWN,
)
from keras_ptft.models.pretrained.bert_tensors import reordered

NAMES = {
    PAD: "<pad>",
    UNKNOWN: "<unk>",
    MASK: "<mask>",
    CLS: "<s>",
    SEP: "</s>",
}
"""What RoBERTa calls the tokens that BERT has too."""

_BYTES = "ByteLevel"


@dataclasses.dataclass(frozen=True)
class BytePairs:
    """How a model reads texts.

    Attributes:
        vocabulary: the token of each of the model's own ids, special ones by
            the names that BERT has for them.
        rules: JSON of the package `tokenizers`, with the ids and the names of
            special tokens that models here have; it sees none of these in a
            text, and cuts off and pads nothing.
    """

    vocabulary: tuple[str, ...]
    rules: str


def rules_of_pairs(
    ids: Mapping[str, int], merges: Iterable[str], *, prefix_space: bool
) -> dict[str, Any]:
    """Returns the JSON of the package for what GPT-2 kept in two files.

    Args:
        ids: of each token, as in vocab.json.
        merges: lines of merges.txt, pairs with a space between them.
        prefix_space: whether texts get a space before them.
    """
    lines = (line for line in merges if not line.startswith("#version"))
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {
            "type": _BYTES,
            "add_prefix_space": prefix_space,
            "trim_offsets": True,
            "use_regex": True,
        },
        "decoder": None,
        "model": {
            "type": "BPE",
            "vocab": dict(ids),
            "merges": [line.split(" ") for line in lines if line],
        },
    }


def byte_pairs(found: Any, rows: int, origin: str) -> BytePairs:
    """Returns the byte pairs of a model, by its own JSON.

    Args:
        found: the JSON of the package `tokenizers`.
        rows: how many vectors of tokens the model has.
        origin: where it comes from, for people.

    Raises:
        UserError: it is of another kind of tokenizer, or has not the tokens
            that the model has.
    """
    model = _model(found, origin)
    added = found.get("added_tokens") or []
    try:
        ids = {**model["vocab"], **{x["content"]: x["id"] for x in added}}
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{origin} has a tokenizer without the ids of its tokens "
            f"({on_one_line(error)}), expected tokenizer.json as the package "
            "tokenizers writes it: copy it again."
        ) from error
    _check(ids, rows, origin)
    special = {name: token for token, name in NAMES.items()}
    names = sorted(ids, key=ids.__getitem__)
    vocabulary = tuple(special.get(name, name) for name in names)
    ours = {token: row for row, token in enumerate(reordered(vocabulary))}
    kept = [token for token in added if not token.get("special")]
    changed = {
        "vocab": ours,
        "unk_token": UNKNOWN,
        # for training alone: it draws tokens at random
        "dropout": None,
    }
    rules = {
        **found,
        "truncation": None,
        "padding": None,
        "added_tokens": [{**x, "id": ours[x["content"]]} for x in kept],
        "post_processor": None,
        "model": {**model, **changed},
    }
    return BytePairs(vocabulary, json.dumps(rules))


def _model(found: Any, origin: str) -> dict[str, Any]:
    """What joins bytes in a JSON, which must do that."""
    model = found.get("model") if isinstance(found, dict) else None
    kind = model.get("type") if isinstance(model, dict) else None
    if not isinstance(model, dict) or kind != "BPE" or not _by_bytes(found):
        shown = "BPE of characters" if kind == "BPE" else kind
        raise UserError(
            f"{origin} has a tokenizer of the kind {shown}, expected BPE of "
            "bytes (ByteLevel), as RoBERTa's: choose another model."
        )
    return model


def _by_bytes(found: Mapping[str, Any]) -> bool:
    """Whether texts become bytes before they are joined."""
    before = found.get("pre_tokenizer") or {}
    steps = [before, *before.get("pretokenizers", ())]
    return any(step.get("type") == _BYTES for step in steps)


def _check(ids: dict[str, Any], rows: int, origin: str) -> None:
    """Refuses ids that are not those of the model's vectors."""
    for name in NAMES.values():
        if name not in ids:
            raise UserError(
                f"{origin} has no token {name} in its tokenizer, expected "
                f"{', '.join(NAMES.values())}: choose another model."
            )
    given = sorted(index for index in ids.values() if type(index) is int)
    if given != list(range(len(ids))) or len(ids) > rows:
        raise UserError(
            f"{origin} has {len(ids):,} tokens in its tokenizer, expected "
            f"ids from 0, each once, for the {rows:,} rows of the model: "
            "give both from one model."
        )
    if clash := sorted(set(NAMES) & set(ids)):
        raise UserError(
            f"{origin} has the token {clash[0]} beside {NAMES[clash[0]]}, "
            "expected one of both: choose another model."
        )
