"""BERT's tokens, of the vocabulary of a known model."""

import json
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_ptft.data.text.normalize.bert import bert_words
from keras_ptft.data.text.tokenizers.pieces import AFTER, LONGEST
from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.data.text.tokenizers.subwords import join_pieces
from keras_ptft.data.text.tokenizers.vocabulary import SPECIAL, UNKNOWN


def wordpiece(*, lower: bool = True) -> Scheme:
    """Words and pieces of words as BERT has them; for a known model.

    "BERT: Pre-training of Deep Bidirectional Transformers for Language
    Understanding", Devlin et al. 2019. The vocabulary comes with the model:
    to learn one of your texts use `subwords`.

    Args:
        lower: convert to lower case without accents ("uncased").
    """

    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        return bert_words(texts, lowered=lower)

    def rules(vocabulary: Sequence[str]) -> str:
        return _rules(vocabulary, lower)

    return Scheme(split=split, join=join_pieces, given=True, rules=rules)


def _rules(vocabulary: Sequence[str], lower: bool) -> str:
    """The same in JSON of the package `tokenizers`."""
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        # as `lowercase` says
        "strip_accents": None,
        "lowercase": lower,
    }
    model = {
        "type": "WordPiece",
        "unk_token": SPECIAL[UNKNOWN],
        "continuing_subword_prefix": AFTER,
        "max_input_chars_per_word": LONGEST,
        "vocab": {token: index for index, token in enumerate(vocabulary)},
    }
    found: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": None,
        "model": model,
    }
    return json.dumps(found, ensure_ascii=False)
