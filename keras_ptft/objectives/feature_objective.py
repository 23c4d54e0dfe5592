"""What objectives have in common that are there for the features alone."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import keras

from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.evaluation.evaluation import Evaluation
from keras_ptft.evaluation.feature_quality import Known, scores_of
from keras_ptft.models.structure import input_tensors
from keras_ptft.objectives.feature_scores import (
    has_classes,
    known_features,
    with_features,
)
from keras_ptft.objectives.objective import Objective
from keras_ptft.training.forward import outputs_of


class FeatureObjective(Objective):
    """Scores the features beside what the head predicts of them.

    Attributes:
        head_begins: name of the layer of its head that reads the features.
    """

    head_begins: ClassVar[str] = ""

    def features_of(self, model: keras.Model) -> keras.Model:
        """Returns the part from the inputs of the examples to features.

        Args:
            model: as `assemble` made it, or as it was saved.
        """
        first = model.get_layer(self.head_begins)
        return keras.Model(input_tensors(model), first.input)

    def evaluate(
        self,
        model: keras.Model,
        dataset: Dataset,
        *,
        reject_below: float = 0.0,
    ) -> Evaluation:
        """Adds what the features are worth to the scores of each split."""
        found = super().evaluate(model, dataset, reject_below=reject_below)
        return with_features(found, self.features_of(model), dataset)

    def recall(
        self, model: keras.Model, train: Callable[[], Source | None]
    ) -> Known | None:
        """Returns the features of training examples, if they have classes."""
        source = train() if has_classes(self.info) else None
        if source is None:
            return None
        return known_features(self.features_of(model), source)

    def score_again(
        self,
        model: keras.Model,
        source: Source,
        before: Mapping[str, Any],
        recalled: Known | None = None,
    ) -> dict[str, Any]:
        """Adds what the features are worth."""
        scores = super().score_again(model, source, before)
        rows = outputs_of(self.features_of(model), source)
        return {**scores, **scores_of(rows, source.labels, recalled)}
