"""KerasHub's RoBERTa, and the files of its tokenizer."""

import json
import pathlib
import types
from typing import Any

import keras

from keras_ptft.errors import UserError, on_one_line
from keras_ptft.files import read_text
from keras_ptft.models.pretrained.bert_folder import sentence_length
from keras_ptft.models.pretrained.bert_tensors import vocabulary_of
from keras_ptft.models.pretrained.byte_pairs import byte_pairs, rules_of_pairs
from keras_ptft.models.pretrained.hub_bert import converted
from keras_ptft.models.pretrained.hub_library import asked
from keras_ptft.models.pretrained.known import Reading

# what KerasHub takes for granted of models that it converts; of these the
# padding's id decides where positions start
_CONFIG = {
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}


def roberta(
    library: types.ModuleType, theirs: Any, preset: str, pool: str
) -> tuple[keras.Model, Reading]:
    """Converts a RoBERTa with its weights and its tokenizer.

    Liu et al. 2019, "RoBERTa: A Robustly Optimized BERT Pretraining
    Approach".

    Args:
        library: KerasHub.
        theirs: its `RobertaBackbone`.
        preset: what it was loaded from.
        pool: see `models.bert`.

    Returns:
        Backbone from ids to features, and how it reads texts.

    Raises:
        UserError: there is no tokenizer, it is of another kind, or the model
            computes something else than KerasHub does.
    """
    folder = pathlib.Path(preset)
    _check_config(folder / "config.json")
    found = _rules(library, folder, preset)
    pairs = byte_pairs(found, theirs.vocabulary_size, preset)
    model, described = converted(theirs, pairs.vocabulary, pool)
    longest = sentence_length(folder, theirs.max_sequence_length)
    reading = Reading(
        tokenizer="bpe",
        vocabulary=vocabulary_of(described),
        # the model adds the first and the last token itself
        sequence_length=min(longest, theirs.max_sequence_length) - 2,
        rules=pairs.rules,
    )
    return model, reading


def _rules(library: types.ModuleType, folder: pathlib.Path, preset: str) -> Any:
    """The JSON of the package `tokenizers`, of whichever files there are."""
    path = folder / "tokenizer.json"
    if path.exists() and "model" in (found := _read(path)):
        return found
    if folder.is_dir() and not _has_files(folder):
        raise UserError(
            f"{preset} has no tokenizer, expected tokenizer.json, or "
            "vocab.json and merges.txt: copy them from where the model "
            "comes from."
        )
    tokenizer = asked(library.models.RobertaTokenizer.from_preset, preset)
    settings = folder / "tokenizer_config.json"
    prefix = _read(settings) if settings.exists() else {}
    return rules_of_pairs(
        tokenizer.vocabulary,
        tokenizer.merges,
        prefix_space=prefix.get("add_prefix_space", tokenizer.add_prefix_space),
    )


def _has_files(folder: pathlib.Path) -> bool:
    """Whether KerasHub or Hugging Face left a tokenizer in a folder."""
    choices = ("tokenizer.json",), ("vocab.json", "merges.txt")
    return any(all((folder / n).exists() for n in names) for names in choices)


def _check_config(path: pathlib.Path) -> None:
    """Refuses a model that KerasHub would convert to another one."""
    config = _read(path) if path.exists() else {}
    for key, wanted in _CONFIG.items():
        value = config.get(key)
        if value is not None and value != wanted:
            raise UserError(
                f"{path} must have as {key} {json.dumps(wanted)}, got "
                f"{str(value)[:80]}: choose a RoBERTa of Liu et al."
            )


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path))
    # JSON in JSON in JSON: a RecursionError
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"Cannot read {path}, expected JSON of a model: "
            f"{on_one_line(error)[:200]}: copy it from where the model comes "
            "from."
        ) from error
    if not isinstance(found, dict):
        raise UserError(f"{path} must hold an object in braces: copy it again.")
    return found
