"""Signatures of models of texts that answer by their outputs alone."""

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.serving.signatures.arrays import (
    expected_outputs,
)
from keras_ptft.serving.signatures.labels import proofs
from keras_ptft.serving.signatures.signature import (
    IsUnsure,
    ServingFn,
    Signature,
    Tensors,
    cases,
    sure,
)
from keras_ptft.serving.signatures.text import (
    TEXT,
    ids_of,
    token_spec,
    with_odd_texts,
)


def text_answers(
    model: keras.Model,
    answer: ServingFn,
    tokenizer: Tokenizer,
    ids: np.ndarray,
    texts: np.ndarray,
    *,
    is_unsure: IsUnsure = sure,
) -> list[Signature]:
    """Returns the signatures of a model of texts.

    `serving_default` takes `text`, and `tokens` ids, as
    `signatures.text.text_signatures` has them; if the tokenizer cannot run
    in a graph, `serving_default` takes `tokens`.

    Args:
        model: takes ids, and computes in float32.
        answer: ids → what is answered, by name.
        tokenizer: what made the ids that the model was trained on.
        ids: of the examples that verify the export.
        texts: what the ids were made of, UTF-8 `bytes`.
        is_unsure: which of them are no proof.

    Raises:
        UserError: there are no examples.
    """
    ids, texts = with_odd_texts(ids, texts, tokenizer)
    outputs = expected_outputs(answer, {"tokens": ids})
    kept = proofs(is_unsure(outputs))
    outputs = {name: rows[kept] for name, rows in outputs.items()}
    spec = token_spec(model)
    name = "tokens" if tokenizer.in_graph else "serving_default"
    proving = cases({"tokens": ids[kept]}, outputs)
    found = [Signature(name, answer, {"tokens": spec}, proving, is_unsure)]
    if tokenizer.in_graph:
        proving = cases({"text": texts[kept]}, outputs)
        text_fn = text_answer(answer, tokenizer)
        name, specs = "serving_default", {"text": TEXT}
        default = Signature(name, text_fn, specs, proving, is_unsure)
        found.insert(0, default)
    return found


def text_answer(answer: ServingFn, tokenizer: Tokenizer) -> ServingFn:
    """Returns a function of ids as a function of strings.

    Args:
        answer: ids → what is answered, by name.
        tokenizer: what makes ids of texts.
    """

    def answered(texts: tf.Tensor) -> Tensors:
        return answer(ids_of(texts, tokenizer))

    return answered
