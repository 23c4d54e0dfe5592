"""How models answer, whatever their loss."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.serving.inference.predictor import (
    Predictor,
    keras_predictor,
    text_answer_predictor,
    text_predictor,
)
from keras_ptft.serving.signatures.answers import (
    IsUnsure,
    array_answers,
    sure,
    text_answers,
)
from keras_ptft.serving.signatures.arrays import (
    array_signatures,
    class_scores,
    examples_of,
    model_examples,
)
from keras_ptft.serving.signatures.signature import ServingFn, Signature
from keras_ptft.serving.signatures.text import text_signatures

MakeSignatures = Callable[[keras.Model, DataInfo, Source], list[Signature]]


def label_signatures(
    model: keras.Model, info: DataInfo, source: Source
) -> list[Signature]:
    """Returns the signatures that answer with labels or their scores.

    Raises:
        UserError: there are no examples, or not a name for each logit.
    """
    check_label_count(info.label_names, model.output_shape[-1])
    examples = model_examples(model, source)
    if info.tokenizer is None:
        return array_signatures(
            model,
            class_scores(model, info.temperature),
            examples,
            info.image_form,
        )
    (ids,) = examples.values()
    return text_signatures(
        model,
        info.tokenizer,
        info.label_names,
        ids,
        _texts_of(source),
        tagging=info.tagged,
        temperature=info.temperature,
    )


SIGNATURES: dict[str, MakeSignatures] = {
    "labels": label_signatures,
}
"""What exports of models with labels answer."""


def signatures(
    model: keras.Model, info: DataInfo, source: Source
) -> list[Signature]:
    """Returns every signature of a model that gives logits of labels.

    Args:
        model: inputs → logits, in float32.
        info: its labels and, for texts, its tokenizer.
        source: real examples for the cases.

    Raises:
        UserError: there are no examples, or not a name for each logit.
    """
    return [
        signature
        for make in SIGNATURES.values()
        for signature in make(model, info, source)
    ]


def answer_signatures(
    model: keras.Model,
    info: DataInfo,
    source: Source,
    answer: ServingFn,
    is_unsure: IsUnsure = sure,
) -> list[Signature]:
    """Returns every signature of a model whose outputs need no labels.

    They are its own, and those of SIGNATURES that are not about labels.

    Args:
        model: as its objective assembled it, in float32.
        info: its tokenizer, for texts.
        source: real examples for the cases.
        answer: the model's inputs → what is answered, by name.
        is_unsure: which answers another rounding may change.

    Raises:
        UserError: there are no examples.
    """
    examples = model_examples(model, source)
    if info.tokenizer is None:
        found = array_answers(
            model,
            answer,
            examples,
            form=info.image_form,
            is_unsure=is_unsure,
        )
    else:
        (ids,) = examples.values()
        texts = _texts_of(source)
        found = text_answers(
            model, answer, info.tokenizer, ids, texts, is_unsure=is_unsure
        )
    others = [make for make in SIGNATURES.values() if make != label_signatures]
    for make in others:
        found += make(model, info, source)
    return found


def answer_predictor(
    loaded: keras.Model | Predictor,
    info: DataInfo,
    answer_of: Callable[[keras.Model], ServingFn],
) -> Predictor:
    """Returns a predictor of a model whose outputs need no labels.

    Args:
        loaded: a run's model, or an export as it was loaded.
        info: its tokenizer, for texts.
        answer_of: model → what computes its answer.
    """
    if isinstance(loaded, keras.Model):
        loaded = keras_predictor(loaded, answer_of(loaded))
    if info.tokenizer is None:
        return loaded
    return text_answer_predictor(loaded, info.tokenizer)


def predictor(loaded: keras.Model | Predictor, info: DataInfo) -> Predictor:
    """Returns a predictor of labels; that of a text model takes texts."""
    if isinstance(loaded, keras.Model):
        scores = class_scores(loaded, info.temperature)
        loaded = keras_predictor(loaded, scores)
    if info.tokenizer is None:
        return loaded
    return text_predictor(
        loaded, info.tokenizer, info.label_names, tagging=info.tagged
    )


def _texts_of(source: Source) -> np.ndarray:
    if source.texts is None:
        raise UserError(
            "Expected texts beside the tokens of the test split, got none: "
            "export with the data set of the run."
        )
    return examples_of(source.texts)["text"]


def check_label_count(label_names: Sequence[str], outputs: int) -> None:
    """Raises a UserError unless there is a name for each output."""
    if len(label_names) != outputs:
        raise UserError(
            f"labels.json holds {len(label_names)} label names, expected "
            f"{outputs}, as the model has outputs: restore the file that was "
            "written with the model."
        )
