"""The features under a head, for search, clustering and new heads."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.models.heads import features_of
from keras_ptft.serving.signatures.answers import text_answer
from keras_ptft.serving.signatures.arrays import (
    endpoint,
    expected_outputs,
    expected_rows,
    input_specs,
    model_examples,
    text_examples,
)
from keras_ptft.serving.signatures.signature import (
    ServingFn,
    Signature,
    Tensors,
    cases,
)
from keras_ptft.serving.signatures.text import (
    TEXT,
    token_spec,
    with_odd_texts,
)


def feature_signatures(
    model: keras.Model, info: DataInfo, source: Source
) -> list[Signature]:
    """Returns signature `features`, which takes what `serving_default` does.

    It answers with `features`, float32 of shape (batch, width).

    Args:
        model: as its objective assembled it, in float32.
        info: its tokenizer, for texts.
        source: real examples for the cases.

    Returns:
        One signature; none where the head reads no vector of each example,
        as of tagged words.
    """
    features = features_of(model)
    if features is None:
        return []

    def answer(inputs: Any) -> Tensors:
        found = features(inputs, training=False)
        return {"features": tf.cast(found, tf.float32)}

    examples = model_examples(model, source)
    if info.tokenizer is None:
        function = endpoint(model, answer)
        proofs = cases(examples, expected_rows(function, examples))
        return [Signature("features", function, input_specs(model), proofs)]
    (ids,) = examples.values()
    return [_of_texts(model, answer, info.tokenizer, ids, source)]


def _of_texts(
    model: keras.Model,
    answer: ServingFn,
    tokenizer: Tokenizer,
    ids: np.ndarray,
    source: Source,
) -> Signature:
    """Takes strings, or ids where the tokenizer cannot run in a graph."""
    if not tokenizer.in_graph:
        spec = token_spec(model)
        proofs = cases({spec.name: ids}, _expected(answer, ids))
        return Signature("features", answer, {spec.name: spec}, proofs)
    ids, texts = with_odd_texts(ids, text_examples(source), tokenizer)
    proofs = cases({"text": texts}, _expected(answer, ids))
    of_texts = text_answer(answer, tokenizer)
    return Signature("features", of_texts, {"text": TEXT}, proofs)


def _expected(answer: ServingFn, ids: np.ndarray) -> dict[str, np.ndarray]:
    return expected_outputs(answer, {"tokens": ids})
