"""BERT's tokens, of the vocabulary of a known model."""

import tensorflow as tf

from keras_ptft.data.text.normalize.bert import bert_words
from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.data.text.tokenizers.subwords import join_pieces


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

    return Scheme(split=split, join=join_pieces, given=True)
