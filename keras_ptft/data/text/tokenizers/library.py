"""Tokens by rules of the package `tokenizers`, as known models bring them.

The rules are its JSON, which holds all that decides: how texts are
normalised and split, the id of each token, and which pairs are merged. They
cannot run in a graph.
"""

import json
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.data.text.tokenizers.vocabulary import PAD, SPECIAL
from keras_ptft.errors import UserError, on_one_line

_BROKEN = "\ufffd"


class Stored(NamedTuple):
    """What `read_rules` finds in a file, as `Tokenizer.given` takes it."""

    setting: str
    vocabulary: tuple[str, ...]
    sequence_length: int
    rules: str


def library_scheme(rules: str) -> Scheme:
    """Returns how texts become tokens by rules of the package.

    Args:
        rules: its JSON, in which no token is special: a text that says
            "<mask>" is about a mask.

    Raises:
        UserError: the package is missing, or cannot read the rules.
    """
    package = _package()
    try:
        tokenizer = package.Tokenizer.from_str(rules)
    # the package raises nothing narrower
    except Exception as error:
        raise UserError(
            f"The package tokenizers {package.__version__} cannot read the "
            f"model's tokenizer.json: {on_one_line(error)[:200]}: save it "
            "again, or upgrade the package."
        ) from error
    decoder = package.decoders.ByteLevel()

    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        decoded = [
            text.decode("utf-8", "replace")
            for text in tf.convert_to_tensor(texts, tf.string).numpy()
        ]
        found = [one.tokens for one in tokenizer.encode_batch(decoded)]
        flat = [token.encode() for tokens in found for token in tokens]
        lengths = np.array([len(tokens) for tokens in found], np.int64)
        return tf.RaggedTensor.from_row_lengths(
            tf.constant(flat, tf.string), lengths
        )

    def join(tokens: Sequence[str]) -> str:
        return decoder.decode(list(tokens))

    def parts(tokens: Sequence[str]) -> list[str]:
        return _parts(tokens, join)

    return Scheme(
        split=split,
        join=join,
        in_graph=False,
        parts=parts,
        before_words=" ",
        rules=lambda vocabulary: rules,  # noqa: ARG005
    )


def are_rules(found: Any) -> bool:
    """Returns whether JSON is of the package, and not of a `Tokenizer`."""
    return isinstance(found, dict) and "model" in found


def rules_file(rules: str, sequence_length: int) -> str:
    """Returns rules as who sends requests to an export needs them.

    With them `encode_batch` of the package gives what the export takes.

    Args:
        rules: JSON of the package, that neither cuts off nor pads.
        sequence_length: most tokens of a text.
    """
    found = json.loads(rules)
    found["truncation"] = {
        "direction": "Right",
        "max_length": sequence_length,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    found["padding"] = {
        "strategy": "BatchLongest",
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": PAD,
        "pad_type_id": 0,
        "pad_token": SPECIAL[PAD],
    }
    return json.dumps(found, ensure_ascii=False) + "\n"


def read_rules(found: dict[str, Any], path: pathlib.Path) -> Stored:
    """Returns what `rules_file` was given.

    Args:
        found: the JSON of a file.
        path: of the file, for errors.

    Raises:
        UserError: the file was not made by `rules_file`.
    """
    try:
        longest = found["truncation"]["max_length"]
        padded = found["padding"]["pad_id"] == PAD
        ids = dict(found["model"]["vocab"])
        ids |= {one["content"]: one["id"] for one in found["added_tokens"]}
        names = sorted(ids, key=ids.__getitem__)
        numbered = [ids[name] for name in names] == [*range(len(names))]
        setting = found["model"]["type"].lower()
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _changed(path) from None
    if (
        type(longest) is not int
        or longest < 1
        or not (padded and numbered)
        or tuple(names[: len(SPECIAL)]) != SPECIAL
    ):
        raise _changed(path)
    rules = json.dumps({**found, "truncation": None, "padding": None})
    return Stored(setting, tuple(names), longest, rules)


def _parts(tokens: Sequence[str], join: Any) -> list[str]:
    """The text that each token adds; a letter comes with its last byte."""
    found, known = [], ""
    for end in range(1, len(tokens) + 1):
        text = join(tokens[:end])
        whole = text if end == len(tokens) else text.rstrip(_BROKEN)
        found.append(whole[len(known) :])
        known = max(known, whole, key=len)
    return found


def _changed(path: pathlib.Path) -> UserError:
    return UserError(
        f"{path} must hold the rules of a tokenizer that keras-ptft wrote, "
        "but was changed: run the stage again."
    )


def _package() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise UserError(
            "The tokenizer of this model needs the package tokenizers, and "
            'it is not installed: pip install "keras_ptft[text]".'
        ) from None
    return tokenizers
