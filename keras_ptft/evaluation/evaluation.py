"""What a model was found to be worth, split by split."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ptft.data.core.dataset import Source
from keras_ptft.evaluation.estimates import Estimates
from keras_ptft.evaluation.metrics.out_of_scope import confidence
from keras_ptft.evaluation.predictions import Predictions
from keras_ptft.evaluation.word_neighbors import Neighbors

_SCORED = ("validation", "test")
_MOST_MISTAKES = 15


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A text that was taken for another class than its own.

    Attributes:
        text: as it was stored.
        label: its class.
        predicted: the class it was taken for.
        probability: of that class.
    """

    text: str
    label: str
    predicted: str
    probability: float


@dataclasses.dataclass(frozen=True)
class WordVectors:
    """The vectors that a model learned for words.

    Attributes:
        words: the vocabulary without its special tokens.
        vectors: float32 of shape (words, width).
        neighbors: some frequent words with the words nearest to each.
    """

    words: Sequence[str]
    vectors: np.ndarray
    neighbors: Neighbors


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Everything that is reported of a model.

    Attributes:
        metrics: metrics by split, "test" and, where there is one,
            "validation"; each as `result.json` has them.
        titles: metric name to its title, where METRICS has another.
        out_of_scope: see `evaluation.metrics.out_of_scope`; None where all
            examples are of a class.
        mistakes: test texts, the most confident mistake first.
        word_vectors: where word vectors were trained.
        estimates: where numbers are predicted, those of the test split.
        thresholds: label to the probability from which it is given, where
            these were chosen on the validation split.
        predictions: of a classifier, by scored split.
    """

    metrics: Mapping[str, Mapping[str, Any]]
    titles: Mapping[str, str] = dataclasses.field(default_factory=dict)
    out_of_scope: Mapping[str, Any] | None = None
    mistakes: Sequence[Mistake] = ()
    word_vectors: WordVectors | None = None
    estimates: Estimates | None = None
    thresholds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    predictions: Mapping[str, Predictions] = dataclasses.field(
        default_factory=dict
    )


def scored_splits(splits: Mapping[str, Source]) -> dict[str, Source]:
    """Returns the splits that a model is scored on, of those that there are.

    Example:

    >>> list(scored_splits(dict.fromkeys(("train", "test", "validation"))))
    ['validation', 'test']
    """
    return {name: splits[name] for name in _SCORED if name in splits}


def most_confident_errors(
    source: Source, logits: np.ndarray, label_names: Sequence[str]
) -> tuple[Mistake, ...]:
    """Finds the mistakes a model was surest of; often the label is wrong.

    Args:
        source: the examples; those without texts have none to show.
        logits: float array of shape (examples, classes).
        label_names: of shape (classes,).

    Returns:
        At most 15 of them, the surest first.
    """
    if source.texts is None:
        return ()
    sure, predicted = confidence(logits), logits.argmax(axis=1)
    wrong = np.flatnonzero(predicted != source.labels)
    chosen = wrong[np.argsort(-sure[wrong], kind="stable")[:_MOST_MISTAKES]]
    if not len(chosen):
        return ()
    texts = source.texts.gather(chosen).numpy()
    return tuple(
        Mistake(
            text=text.decode("utf-8", "replace"),
            label=label_names[source.labels[index]],
            predicted=label_names[predicted[index]],
            probability=float(sure[index]),
        )
        for index, text in zip(chosen, texts, strict=True)
    )
