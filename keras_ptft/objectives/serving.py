"""How models answer, whatever their loss."""

from collections.abc import Callable, Mapping, Sequence

import keras

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives.served_features import feature_signatures
from keras_ptft.serving.inference.predictor import (
    Predictor,
    keras_predictor,
    text_answer_predictor,
    text_predictor,
)
from keras_ptft.serving.signatures.answers import text_answers
from keras_ptft.serving.signatures.arrays import (
    array_signatures,
    class_scores,
    model_examples,
    text_examples,
)
from keras_ptft.serving.signatures.examples import Reply, classes_of
from keras_ptft.serving.signatures.intake import (
    DEFAULT_INTAKE,
    Intake,
    limited,
)
from keras_ptft.serving.signatures.labels import is_ambiguous, labelled
from keras_ptft.serving.signatures.signature import (
    IsUnsure,
    ServingFn,
    Signature,
    sure,
    traced_once,
)
from keras_ptft.serving.signatures.text import text_signatures
from keras_ptft.serving.signatures.ways_in import ways_in

MakeSignatures = Callable[[keras.Model, DataInfo, Source], list[Signature]]

SIGNATURES: dict[str, MakeSignatures] = {
    "features": feature_signatures,
}
"""What exports answer beside what their objective answers."""


def signatures(
    model: keras.Model,
    info: DataInfo,
    source: Source,
    intake: Intake = DEFAULT_INTAKE,
) -> list[Signature]:
    """Returns every signature of a model that gives logits of labels.

    Args:
        model: inputs → logits, in float32.
        info: its labels and, for texts, its tokenizer.
        source: real examples for the cases.
        intake: what requests are refused.

    Raises:
        UserError: there are no examples, or not a name for each logit.
    """
    own = _label_signatures(model, info, source, intake)
    replies = {} if info.tagged else {"classify": classes_of(info.label_names)}
    return _with_others(own, model, info, source, intake, replies)


def answer_signatures(
    model: keras.Model,
    info: DataInfo,
    source: Source,
    answer: ServingFn,
    *,
    intake: Intake = DEFAULT_INTAKE,
    is_unsure: IsUnsure = sure,
    replies: Mapping[str, Reply],
) -> list[Signature]:
    """Returns every signature of a model whose outputs need no labels.

    Args:
        model: as its objective assembled it, in float32.
        info: its tokenizer, for texts.
        source: real examples for the cases.
        answer: the model's inputs → what is answered, by name.
        intake: what requests are refused.
        is_unsure: which answers another rounding may change.
        replies: name of a signature to what an API of TensorFlow Serving
            wants of the answer.

    Raises:
        UserError: there are no examples.
    """
    examples, answer = model_examples(model, source), traced_once(answer)
    if info.tokenizer is None:
        own = array_signatures(
            model,
            answer,
            examples,
            form=info.image_form,
            intake=intake,
            is_unsure=is_unsure,
        )
    else:
        (ids,) = examples.values()
        texts = text_examples(source)
        own = text_answers(
            model, answer, info.tokenizer, ids, texts, is_unsure=is_unsure
        )
    return _with_others(own, model, info, source, intake, replies)


def _label_signatures(
    model: keras.Model, info: DataInfo, source: Source, intake: Intake
) -> list[Signature]:
    """The signatures that answer with labels and their scores."""
    check_label_count(info.label_names, model.output_shape[-1])
    examples = model_examples(model, source)
    if info.tokenizer is None:
        scores = class_scores(model, info.temperature)
        return array_signatures(
            model,
            traced_once(labelled(scores, info.label_names)),
            examples,
            form=info.image_form,
            intake=intake,
            is_unsure=is_ambiguous,
        )
    (ids,) = examples.values()
    return text_signatures(
        model,
        info.tokenizer,
        info.label_names,
        ids,
        text_examples(source),
        tagging=info.tagged,
        temperature=info.temperature,
    )


def _with_others(
    own: Sequence[Signature],
    model: keras.Model,
    info: DataInfo,
    source: Source,
    intake: Intake,
    replies: Mapping[str, Reply],
) -> list[Signature]:
    """Adds other forms of requests, and what SIGNATURES answer."""
    own = [limited(signature, intake) for signature in own]
    others = ways_in(own, info.table_columns, replies)
    for make in SIGNATURES.values():
        others += make(model, info, source)
    return [*own, *(limited(signature, intake) for signature in others)]


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


def check_label_count(label_names: Sequence[str], outputs: int) -> None:
    """Raises a UserError unless there is a name for each output."""
    if len(label_names) != outputs:
        raise UserError(
            f"labels.json holds {len(label_names)} label names, expected "
            f"{outputs}, as the model has outputs: restore the file that was "
            "written with the model."
        )
