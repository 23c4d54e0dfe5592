"""What a model was found to be worth, split by split."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keras_ptft.data.core.dataset import Source
from keras_ptft.evaluation.estimates import Estimates
from keras_ptft.evaluation.feature_quality import Known
from keras_ptft.evaluation.predictions import Predictions
from keras_ptft.evaluation.word_neighbors import Neighbors

if TYPE_CHECKING:
    # the pictures of a report take a while to load
    from keras_ptft.evaluation.report.exhibits import Insight

_SCORED = ("validation", "test")


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


class Features(NamedTuple):
    """Features by which examples are compared with training examples.

    Attributes:
        rows: of the test examples, float of shape (examples, width).
        known: training examples.
    """

    rows: np.ndarray
    known: Known


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Everything that is reported of a model.

    Attributes:
        metrics: metrics by split, "test" and, where there is one,
            "validation"; each as `result.json` has them.
        titles: metric name to its title, where METRICS has another.
        out_of_scope: see `evaluation.metrics.out_of_scope`; None where all
            examples are of a class.
        answers: of the model to each test example, logits or numbers, float
            of shape (examples, outputs); None: these are not told apart.
        features: where features are judged without a head for labels.
        word_vectors: where word vectors were trained.
        estimates: where numbers are predicted, those of the test split.
        thresholds: label to the probability from which it is given, where
            these were chosen on the validation split.
        predictions: of a classifier, by scored split.
        insight: what is told of single test examples, if anything is.
    """

    metrics: Mapping[str, Mapping[str, Any]]
    titles: Mapping[str, str] = dataclasses.field(default_factory=dict)
    out_of_scope: Mapping[str, Any] | None = None
    answers: np.ndarray | None = None
    features: Features | None = None
    word_vectors: WordVectors | None = None
    estimates: Estimates | None = None
    thresholds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    predictions: Mapping[str, Predictions] = dataclasses.field(
        default_factory=dict
    )
    insight: "Insight | None" = None


def scored_splits(splits: Mapping[str, Source]) -> dict[str, Source]:
    """Returns the splits that a model is scored on, of those that there are.

    Example:

    >>> list(scored_splits(dict.fromkeys(("train", "test", "validation"))))
    ['validation', 'test']
    """
    return {name: splits[name] for name in _SCORED if name in splits}
