"""What a folder of a BERT model says of it, as Hugging Face saves one."""

import collections
import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_ptft.errors import UserError
from keras_ptft.files import read_text

PAD, UNKNOWN, MASK = "[PAD]", "[UNK]", "[MASK]"
CLS, SEP = "[CLS]", "[SEP]"
SPECIAL = (PAD, UNKNOWN, MASK, CLS, SEP)

# what the architecture and the tokenizer here do, which is what is meant
# where a file does not say
_CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "position_embedding_type": "absolute",
    "is_decoder": False,
}
_MODEL = {
    "type": "WordPiece",
    "unk_token": UNKNOWN,
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
}
_NORMALIZER = {
    "type": "BertNormalizer",
    "clean_text": True,
    "handle_chinese_chars": True,
}
_SETTINGS = {"do_basic_tokenize": True, "tokenize_chinese_chars": True}
_MOST = 2**20

_Tokens = tuple[tuple[str, ...], bool]


@dataclasses.dataclass(frozen=True)
class BertFolder:
    """A BERT model, without its weights.

    Attributes:
        width: of a token's vector.
        depth: number of blocks.
        heads: number of attention heads.
        ratio: width of the hidden dense layers, as a multiple of `width`.
        longest: number of positions.
        vocabulary: the token of each of the model's own ids.
        lower: whether texts become lower case without accents.
        sequence_length: most tokens of a text, [CLS] and [SEP] included.
    """

    width: int
    depth: int
    heads: int
    ratio: int
    longest: int
    vocabulary: tuple[str, ...]
    lower: bool
    sequence_length: int


def read_folder(folder: pathlib.Path) -> BertFolder:
    """Reads what describes a BERT model.

    That is config.json; tokenizer.json, or else vocab.txt, of which
    tokenizer_config.json may say more; and the longest text that a
    sentence_bert_config.json may name.

    Raises:
        UserError: a file is missing or broken, or the model does something
            that the architecture or the tokenizer here does not.
    """
    path = folder / "config.json"
    config = _read(path)
    _check(config, _CONFIG, path)
    width = _whole(config, "hidden_size", path)
    hidden = _whole(config, "intermediate_size", path)
    if hidden % width:
        wanted = f"a multiple of {width}"
        raise _unlike(path, "intermediate_size", wanted, hidden)
    longest = _whole(config, "max_position_embeddings", path)
    if (folder / "tokenizer.json").exists():
        vocabulary, lower = _read_tokenizer(folder)
    else:
        vocabulary, lower = _read_words(folder)
    _check_vocabulary(vocabulary, folder)
    return BertFolder(
        width=width,
        depth=_whole(config, "num_hidden_layers", path),
        heads=_whole(config, "num_attention_heads", path),
        ratio=hidden // width,
        longest=longest,
        vocabulary=vocabulary,
        lower=lower,
        sequence_length=min(longest, sentence_length(folder, longest)),
    )


def _read_tokenizer(folder: pathlib.Path) -> _Tokens:
    """Reads tokenizer.json: the vocabulary, and whether texts are lowered."""
    path = folder / "tokenizer.json"
    found = _read(path)
    model = _mapping(found, "model", path)
    normalizer = _mapping(found, "normalizer", path)
    _check(model, _MODEL, path)
    _check(normalizer, _NORMALIZER, path)
    lower = _lower(normalizer, "lowercase", path)
    ids = _mapping(model, "vocab", path)
    numbers = [index for index in ids.values() if type(index) is int]
    if sorted(numbers) != list(range(len(ids))):
        wanted = f"the numbers from 0 to {len(ids) - 1}"
        raise _unlike(path, "vocab", wanted, f"{len(set(numbers))} of them")
    _check_added(found.get("added_tokens") or [], path)
    return tuple(sorted(ids, key=ids.__getitem__)), lower


def _check_added(added: Any, path: pathlib.Path) -> None:
    """Raises a UserError if tokens were added that texts may hold."""
    for token in added if isinstance(added, list) else [added]:
        content = token.get("content") if isinstance(token, dict) else token
        if content not in SPECIAL:
            wanted = f"{', '.join(SPECIAL)} and no other"
            raise _unlike(path, "added_tokens", wanted, content)


def _read_words(folder: pathlib.Path) -> _Tokens:
    """Reads the same of vocab.txt and, if there, tokenizer_config.json."""
    path = folder / "vocab.txt"
    try:
        lines = read_text(path).split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    path = folder / "tokenizer_config.json"
    settings = _read(path) if path.exists() else {}
    _check(settings, _SETTINGS, path)
    lower = _lower(settings, "do_lower_case", path)
    # the last line has an end, too
    return tuple(lines if lines[-1] else lines[:-1]), lower


def _lower(settings: Mapping[str, Any], key: str, path: pathlib.Path) -> bool:
    """Returns whether texts are lowered; accents go just with capitals."""
    lower = settings.get(key, True)
    if type(lower) is not bool:
        raise _unlike(path, key, "true or false", lower)
    _check(settings, {"strip_accents": lower}, path)
    return lower


def _check_vocabulary(
    vocabulary: tuple[str, ...], folder: pathlib.Path
) -> None:
    """Raises a UserError unless a tokenizer can have this vocabulary."""
    for token in SPECIAL:
        if token not in vocabulary:
            raise _unlike(folder, "vocabulary", f"the token {token}", "none")
    token, count = collections.Counter(vocabulary).most_common(1)[0]
    if count > 1:
        wanted = "each token once"
        raise _unlike(folder, "vocabulary", wanted, f"{token!r} {count} times")
    try:
        "".join(vocabulary).encode()
    except UnicodeEncodeError:
        wanted = "tokens in Unicode"
        raise _unlike(
            folder, "vocabulary", wanted, "half a character"
        ) from None


def sentence_length(folder: pathlib.Path, longest: int) -> int:
    """Returns the longest text that a model of sentences reads, in tokens.

    Args:
        folder: of the model, maybe with a sentence_bert_config.json.
        longest: what it is where no file says another.

    Raises:
        UserError: the file is broken.
    """
    path = folder / "sentence_bert_config.json"
    settings = _read(path) if path.exists() else {}
    if settings.get("max_seq_length") is None:
        return longest
    return _whole(settings, "max_seq_length", path, low=3)


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path))
    # JSON in JSON in JSON: a RecursionError
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, error) from None
    if not isinstance(found, dict):
        raise _unreadable(path, ValueError("it is no object in braces"))
    return found


def _mapping(
    found: Mapping[str, Any], key: str, path: pathlib.Path
) -> dict[str, Any]:
    value = found.get(key)
    if not isinstance(value, dict):
        raise _unlike(path, key, "an object in braces", value)
    return value


def _whole(
    found: Mapping[str, Any], key: str, path: pathlib.Path, low: int = 1
) -> int:
    value = found.get(key)
    if type(value) is not int or not low <= value <= _MOST:
        raise _unlike(path, key, f"a number from {low} to {_MOST}", value)
    return value


def _check(
    found: Mapping[str, Any], expected: Mapping[str, Any], path: pathlib.Path
) -> None:
    """Raises a UserError if a file says something other than expected."""
    for key, wanted in expected.items():
        value = found.get(key)
        if value is not None and value != wanted:
            raise _unlike(path, key, json.dumps(wanted), value)


def _unlike(
    path: pathlib.Path, key: str, wanted: str, value: object
) -> UserError:
    return UserError(
        f"{path} must have as {key} {wanted}, got {str(value)[:80]}: give a "
        "folder of a BERT model of Devlin et al. as Hugging Face saves it."
    )


def _unreadable(path: pathlib.Path, error: Exception) -> UserError:
    reason = error.strerror if isinstance(error, OSError) else error
    return UserError(
        f"Cannot read {path}: {reason}: give a folder of a BERT model as "
        "Hugging Face saves it."
    )
