"""What a trained model is found to be worth, split by split."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.data.text.tokenizers import SPECIAL
from keras_ptft.evaluation.metrics.classification import classification_metrics
from keras_ptft.evaluation.metrics.out_of_scope import confidence, out_of_scope
from keras_ptft.evaluation.scores import score
from keras_ptft.evaluation.word_neighbors import (
    Neighbours,
    nearest,
    probe_words,
)
from keras_ptft.evaluation.word_vectors import word_vectors
from keras_ptft.objectives.objective import Objective
from keras_ptft.transfer.features import outputs_of

_SCORED = ("validation", "test")
_OUTSIDE = "outside"
_MOST_MISTAKES = 15


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A text that was taken for another class than its own.

    Attributes:
        text: as it was stored.
        label: its class.
        predicted: what it was taken for.
        probability: of that.
    """

    text: str
    label: str
    predicted: str
    probability: float


@dataclasses.dataclass(frozen=True)
class Findings:
    """Everything a report tells of a model.

    Attributes:
        metrics: of "test" and, where there is one, "validation"; as
            `evidence.scores.score` gives them.
        out_of_scope: as `evidence.outside.out_of_scope` gives it; None
            where all examples are of a class.
        mistakes: test texts, the one the model was surest of first.
        word_vectors: where they were trained, the words of the vocabulary
            and their vectors, of shape (words, width).
        neighbours: likewise some frequent words, each with those nearest to
            it and their cosines.
    """

    metrics: Mapping[str, Mapping[str, Any]]
    out_of_scope: Mapping[str, Any] | None = None
    mistakes: Sequence[Mistake] = ()
    word_vectors: tuple[Sequence[str], np.ndarray] | None = None
    neighbours: Neighbours = dataclasses.field(default_factory=list)


def examine(
    model: keras.Model,
    objective: Objective,
    dataset: Dataset,
    *,
    reject_below: float = 0.0,
) -> Findings:
    """Scores a model on what it was not trained on.

    Args:
        model: what the objective assembled.
        objective: says what the model answers with.
        dataset: with split "test"; maybe "validation", and "outside" with
            examples of no class.
        reject_below: probability below which a label is not given, of
            which is told where there are examples of no class; 0: none.
    """
    splits = dataset.splits
    if objective.answers == "label":
        return _of_classifier(model, dataset, reject_below)
    metrics = {
        name: score(model, objective, splits[name], dataset.label_names)
        for name in _SCORED
        if name in splits
    }
    if objective.reads != "embedding":
        return Findings(metrics)
    tokenizer, special = dataset.tokenizer, len(SPECIAL)
    words = tokenizer.vocabulary
    vectors = word_vectors(model.get_layer("backbone"), tokenizer)
    near = nearest(vectors, words, probe_words(words, tokenizer.counts))
    return Findings(
        metrics,
        word_vectors=(words[special:], vectors[special:]),
        neighbours=near,
    )


def _of_classifier(
    model: keras.Model, dataset: Dataset, reject_below: float
) -> Findings:
    splits, names = dataset.splits, dataset.label_names
    logits = {
        name: outputs_of(model, splits[name])
        for name in (*_SCORED, _OUTSIDE)
        if name in splits
    }
    metrics = {
        name: classification_metrics(splits[name].labels, logits[name], names)
        for name in _SCORED
        if name in splits
    }
    found = None
    if _OUTSIDE in splits:
        sure = {name: confidence(rows) for name, rows in logits.items()}
        test, outside = sure["test"], sure[_OUTSIDE]
        found = out_of_scope(
            test, outside, sure.get("validation"), reject_below=reject_below
        )
    return Findings(
        metrics,
        found,
        most_confident_errors(splits["test"], logits["test"], names),
    )


def most_confident_errors(
    source: Source, logits: np.ndarray, label_names: Sequence[str]
) -> tuple[Mistake, ...]:
    """The mistakes that a model was surest of; often the label is wrong.

    Args:
        source: the examples; without `texts`, nothing can be told of them.
        logits: of shape (examples, classes).
        label_names: of shape (classes,).

    Returns:
        At most 15 of them.
    """
    texts = getattr(source, "texts", None)
    if texts is None:
        return ()
    sure, predicted = confidence(logits), logits.argmax(axis=1)
    wrong = np.flatnonzero(predicted != source.labels)
    order = np.argsort(-sure[wrong], kind="stable")
    chosen = wrong[order[:_MOST_MISTAKES]]
    if not len(chosen):
        return ()
    return tuple(
        Mistake(
            text=text.decode("utf-8", "replace"),
            label=label_names[source.labels[number]],
            predicted=label_names[predicted[number]],
            probability=float(sure[number]),
        )
        for number, text in zip(
            chosen, texts.gather(chosen).numpy(), strict=True
        )
    )
