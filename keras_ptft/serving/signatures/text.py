"""Signatures of text models: strings in, labels or tagged words out.

The same functions run eagerly in Python and inside the exported graph.
"""

import dataclasses
import logging
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.length_buckets import buckets, padded_length
from keras_ptft.data.text.token_source import words_encoder
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.serving.signatures.arrays import class_scores, expected_outputs
from keras_ptft.serving.signatures.labels import (
    best_label,
    is_ambiguous,
    labelled,
    names_of,
    proofs,
    trimmed,
)
from keras_ptft.serving.signatures.signature import (
    Arrays,
    ServingFn,
    Signature,
    Tensors,
    cases,
    sure,
    traced_once,
)

_LOG = logging.getLogger("keras_ptft")

TEXT = tf.TensorSpec((None,), tf.string, "text")
ODD_TEXTS = (
    b"",
    b" \n ",
    b"\0a\0",
    b"\xff\xfe a \xc3(",
    "\U0001f469\u200d\U0001f680 \U0001f1e8\U0001f1f3 北京".encode(),
    b"a" * 100_000,
    "北 京 ".encode() * 25_000,
)
"""Unusual texts that every export of a text model is verified with."""


def text_signatures(
    model: keras.Model,
    tokenizer: Tokenizer,
    label_names: Sequence[str],
    ids: np.ndarray,
    texts: np.ndarray,
    *,
    tagging: bool,
    temperature: float = 1.0,
) -> list[Signature]:
    """Returns the signatures of a text model.

    `serving_default` takes `text` (see `text_serving_fn`), and `tokens` ids
    of shape (batch, tokens[, width]), padded on the right with 0, and
    returns logits and probabilities; of labels also the best one. If the
    tokenizer cannot run in a graph, clients send ids: then `serving_default`
    takes `tokens`.

    Args:
        model: ids → logits, (batch, labels) or (batch, tokens, labels),
            computing in float32 (see `signatures.arrays.in_float32`).
        tokenizer: what made the ids that the model was trained on.
        label_names: a name for each logit.
        ids: of the examples that verify the export, as the training
            pipeline made them, int32 of shape (examples, tokens[, width]).
        texts: what the ids were made of, UTF-8 `bytes` of shape (examples,).
        tagging: whether the words of a text have labels, not the text.
        temperature: as in `signatures.arrays.class_scores`.

    Raises:
        UserError: there are no examples.
    """
    scores = traced_once(class_scores(model, temperature))
    answer = scores if tagging else labelled(scores, label_names)
    spec = token_spec(model)
    ids, texts = with_odd_texts(ids, texts, tokenizer, tagging=tagging)
    outputs = expected_outputs(answer, {"tokens": ids})
    if not tagging:
        kept = proofs(is_ambiguous(outputs))
        ids, texts = ids[kept], texts[kept]
        outputs = {name: values[kept] for name, values in outputs.items()}
    tokens = cases({"tokens": ids}, outputs)
    unsure = sure if tagging else is_ambiguous
    of_ids = Signature("tokens", answer, {"tokens": spec}, tokens, unsure)
    if not tokenizer.in_graph:
        return [dataclasses.replace(of_ids, name="serving_default")]
    text_fn = text_serving_fn(scores, tokenizer, label_names, tagging=tagging)
    if tagging:
        longest = tokenizer.sequence_length
        outputs = _tagged(texts, outputs, label_names, longest)
        kept = proofs(is_ambiguous(outputs))
        texts = texts[kept]
        outputs = {name: values[kept] for name, values in outputs.items()}
    text_cases = cases({"text": texts}, outputs, _trim if tagging else None)
    name, specs = "serving_default", {"text": TEXT}
    return [Signature(name, text_fn, specs, text_cases, is_ambiguous), of_ids]


def token_spec(model: keras.Model) -> tf.TensorSpec:
    """Returns the input `tokens`: ids of (batch, tokens[, width]), int32."""
    return tf.TensorSpec(model.inputs[0].shape, tf.int32, "tokens")


def with_odd_texts(
    ids: np.ndarray,
    texts: np.ndarray,
    tokenizer: Tokenizer,
    *,
    tagging: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Adds unusual texts to those that verify an export.

    Args:
        ids: of the texts, int32 of shape (examples, tokens[, width]).
        texts: UTF-8 `bytes` of shape (examples,).
        tokenizer: what makes ids of texts; if it cannot run in a graph, the
            export takes ids, and nothing is added.
        tagging: whether each word is one token.

    Returns:
        Ids and texts.
    """
    if not tokenizer.in_graph:
        _LOG.info(
            "Tokenizer %s cannot run in a graph: the export takes tokens.",
            tokenizer.setting,
        )
        return ids, texts
    odd = ids_of(tf.constant(ODD_TEXTS), tokenizer, tagging=tagging)
    texts = np.array([*ODD_TEXTS, *texts], object)
    return stack_padded([odd.numpy(), ids]), texts


def text_serving_fn(
    scores: ServingFn,
    tokenizer: Tokenizer,
    label_names: Sequence[str],
    *,
    tagging: bool,
) -> ServingFn:
    """Returns a text model as a function of strings.

    Args:
        scores: ids → logits and probabilities.
        tokenizer: what makes ids of texts.
        label_names: a name for each logit.
        tagging: whether the words of a text have labels, not the text.

    Returns:
        Strings of shape (batch,) → logits and probabilities, (batch,
        labels), with `best_label`. For tags: `words` and `tags` of shape
        (batch, words), empty where a text has fewer words than the longest,
        with logits and probabilities of shape (batch, words, labels). Words
        are separated by white space; those beyond `sequence_length` are left
        out.
    """

    def of_texts(texts: tf.Tensor) -> Tensors:
        outputs = scores(ids_of(texts, tokenizer))
        return {**outputs, **best_label(outputs, label_names)}

    def of_words(texts: tf.Tensor) -> Tensors:
        words = words_of(texts, tokenizer)
        outputs = scores(ids_of(texts, tokenizer, tagging=True))
        longest = tf.cast(words.bounding_shape(1), tf.int32)
        outputs = {k: v[:, :longest] for k, v in outputs.items()}
        words = words.to_tensor("")
        tags = names_of(outputs["logits"], label_names)
        tags = tf.where(words == "", "", tags)
        return {**outputs, "words": words, "tags": tags}

    return of_words if tagging else of_texts


def words_of(texts: tf.Tensor, tokenizer: Tokenizer) -> tf.RaggedTensor:
    """Returns the words of each text, at most `sequence_length`."""
    return tf.strings.split(texts)[:, : tokenizer.sequence_length]


def ids_of(
    texts: tf.Tensor, tokenizer: Tokenizer, *, tagging: bool = False
) -> tf.Tensor:
    """Returns texts as a model reads them, cut and padded as in training.

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


def stack_padded(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Concatenates arrays of rows, whose second axes may differ in length.

    Args:
        parts: arrays of one dtype, of shape (rows, ...); shorter rows are
            padded on the right with 0, or b"" for strings.

    Example:

    >>> stack_padded([np.array([[1, 2]]), np.array([[3]])]).tolist()
    [[1, 2], [3, 0]]
    """
    if parts[0].ndim == 1:
        return np.concatenate(parts)
    rows = sum(map(len, parts))
    longest = max(part.shape[1] for part in parts)
    fill = b"" if parts[0].dtype == object else 0
    shape = (rows, longest, *parts[0].shape[2:])
    stacked, start = np.full(shape, fill, parts[0].dtype), 0
    for part in parts:
        stacked[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    return stacked


def _tagged(
    texts: np.ndarray,
    outputs: Arrays,
    label_names: Sequence[str],
    longest: int,
) -> dict[str, np.ndarray]:
    """Outputs with the words of texts, `longest` at most, and their tags."""
    encoded = np.array([name.encode() for name in label_names], object)
    best = encoded[outputs["logits"].argmax(-1)]
    words = np.full(best.shape, b"", object)
    for row, text in zip(words, texts, strict=True):
        found = text.split()[:longest]
        row[: len(found)] = found
    return {**outputs, "words": words, "tags": np.where(words, best, b"")}


def _trim(inputs: Arrays, outputs: Arrays) -> Arrays:
    del inputs
    return trimmed(outputs)
