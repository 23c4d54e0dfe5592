"""Texts in, answers out: what a text model's signatures compute.

The same functions answer in a process of ours and, written into the graph,
in TensorFlow Serving.
"""

from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf

from keras_ptft.data.core.length_buckets import buckets, padded_length
from keras_ptft.data.text.token_source import words_encoder
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.serving.signatures.arrays import Endpoints, serving_fn

Answers = Mapping[str, tf.Tensor]
TEXT = tf.TensorSpec((None,), tf.string, "text")


def text_endpoints(
    model: keras.Model, tokenizer: Tokenizer, label_names: Sequence[str]
) -> Endpoints:
    """The signatures of a text model.

    `serving_default` takes `text` (see `text_serving_fn`), and `tokens` ids
    of shape (batch, tokens[, width]), padded on the right with 0, and
    answers with logits and probabilities alone. A tokenizer that cannot run
    in a graph leaves ids to the client: then `serving_default` is `tokens`.

    Args:
        model: ids → logits, (batch, labels) or (batch, tokens, labels).
        tokenizer: what made the ids that the model was trained on.
        label_names: a name for each logit.
    """
    answer = serving_fn(model)
    ids = tf.TensorSpec(model.inputs[0].shape, tf.int32, "tokens")
    if not tokenizer.in_graph:
        return {"serving_default": (answer, ids)}
    texts = text_serving_fn(
        answer, tokenizer, label_names, tagging=is_tagging(model)
    )
    return {"serving_default": (texts, TEXT), "tokens": (answer, ids)}


def is_tagging(model: keras.Model) -> bool:
    """Whether a model says something of each token."""
    return len(model.output_shape) == 3


def text_serving_fn(
    answer: Callable[[tf.Tensor], Answers],
    tokenizer: Tokenizer,
    label_names: Sequence[str],
    *,
    tagging: bool,
) -> Callable[[tf.Tensor], Answers]:
    """What a model of ids says of texts.

    Args:
        answer: ids → logits and probabilities.
        tokenizer: what makes ids of texts.
        label_names: a name for each logit.
        tagging: whether the words of a text have labels, not the text.

    Returns:
        Strings of shape (batch,) → logits and probabilities, (batch,
        labels), and `label`, the most probable name. Or of tags: `words`
        and `tags` of shape (batch, words), empty where a text has fewer
        words than the longest, with logits and probabilities of shape
        (batch, words, labels). What white space parts is a word, and words
        beyond `sequence_length` are left out.
    """

    def labelled(texts: tf.Tensor) -> Answers:
        outputs = answer(ids_of(texts, tokenizer))
        return {**outputs, "label": _names(outputs, label_names)}

    def tagged(texts: tf.Tensor) -> Answers:
        words = words_of(texts, tokenizer)
        outputs = answer(ids_of(texts, tokenizer, tagging=True))
        longest = tf.cast(words.bounding_shape(1), tf.int32)
        outputs = {k: v[:, :longest] for k, v in outputs.items()}
        words, tags = words.to_tensor(""), _names(outputs, label_names)
        tags = tf.where(words == "", "", tags)
        return {**outputs, "words": words, "tags": tags}

    return tagged if tagging else labelled


def words_of(texts: tf.Tensor, tokenizer: Tokenizer) -> tf.RaggedTensor:
    """What white space parts, of each text as much as a model reads."""
    return tf.strings.split(texts)[:, : tokenizer.sequence_length]


def ids_of(
    texts: tf.Tensor, tokenizer: Tokenizer, *, tagging: bool = False
) -> tf.Tensor:
    """Texts as a model reads them, cut and padded as in training.

    Args:
        texts: strings of shape (batch,).
        tokenizer: what makes ids of texts.
        tagging: whether each word is one token.

    Returns:
        int32 of shape (batch, tokens) or (batch, tokens, width).
    """
    longest, width = tokenizer.sequence_length, tokenizer.width
    if tagging:
        words = words_of(texts, tokenizer)
        # each word as a text of one word
        first = words_encoder(tokenizer)(words.flat_values).flat_values
        tokens = words.with_flat_values(first)
    else:
        tokens = tokenizer(texts)[:, :longest]
    length = padded_length(tokens.row_lengths(), buckets(longest))
    rest = (width,) if width > 1 else ()
    ids = tokens.to_tensor(shape=tf.stack([tokens.nrows(), length, *rest]))
    return tf.ensure_shape(ids, [None, None, *rest])


def _names(outputs: Answers, label_names: Sequence[str]) -> tf.Tensor:
    best = tf.argmax(outputs["logits"], -1)
    return tf.gather(tf.constant(label_names), best)
