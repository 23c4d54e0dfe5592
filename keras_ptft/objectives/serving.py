"""How models that name classes answer, whatever their loss."""

from collections.abc import Callable, Sequence

import keras

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.serving.inference.predictor import (
    Predictor,
    keras_predictor,
    text_predictor,
)
from keras_ptft.serving.signatures.arrays import (
    array_signatures,
    class_scores,
    examples_of,
    model_examples,
)
from keras_ptft.serving.signatures.signature import Signature
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
            model, class_scores(model), examples, info.background
        )
    (ids,) = examples.values()
    if source.texts is None:
        raise UserError(
            "Expected texts beside the tokens of the test split, got none: "
            "export with the data set of the run."
        )
    return text_signatures(
        model,
        info.tokenizer,
        info.label_names,
        ids,
        examples_of(source.texts)["text"],
        tagging=info.tagged,
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


def predictor(loaded: keras.Model | Predictor, info: DataInfo) -> Predictor:
    """Returns a predictor of labels; that of a text model takes texts."""
    if isinstance(loaded, keras.Model):
        loaded = keras_predictor(loaded, class_scores(loaded))
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
