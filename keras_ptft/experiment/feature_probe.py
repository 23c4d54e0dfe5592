"""Does a backbone learn? Its features, scored while it is trained."""

import logging
from collections.abc import Mapping

import keras
import numpy as np

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset, Source, take_evenly
from keras_ptft.errors import UserError
from keras_ptft.evaluation.feature_quality import scores_of
from keras_ptft.models.feature_model import feature_model
from keras_ptft.objectives.feature_scores import known_features
from keras_ptft.objectives.linear_head import Rows
from keras_ptft.objectives.probes import lbfgs
from keras_ptft.training.forward import outputs_of

_LOG = logging.getLogger("keras_ptft")

# examples that are known, and others that are judged by them
_KNOWN = 5_000
_JUDGED = 2_000
# below, all features are nearly alike
_COLLAPSED = 0.01


class FeatureProbe(keras.callbacks.Callback):
    """Scores a backbone's features after some epochs, as part of the history.

    Of the training examples 5,000 at most are known, and of the validation
    split 2,000 are judged by them: by the nearest neighbours, and by a
    logistic regression. Both look at labels, and the training does not see
    what they find. Without labels there are the spread of the features and
    in how many directions they differ, which show a collapse.

    Args:
        features: from the inputs of the examples to (batch, width).
        splits: "train" and "validation".
        every: epochs from one time to the next; the last one always counts.
        labelled: whether examples have classes.
    """

    def __init__(
        self,
        features: keras.Model,
        splits: Mapping[str, Source],
        *,
        every: int,
        labelled: bool,
    ) -> None:
        super().__init__()
        self._features, self._every = features, every
        self._train = splits["train"] if labelled else None
        self._judged = take_evenly(splits["validation"], _JUDGED)

    def on_epoch_end(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        is_last = epoch + 1 == self.params["epochs"]
        if logs is None or not (is_last or (epoch + 1) % self._every == 0):
            return
        with self.model.averaged():
            found = self._scores()
        logs.update(found)
        if found["feature_spread"] < _COLLAPSED:
            _LOG.warning(
                "Collapse: after epoch %d the features of all examples are "
                "nearly alike (spread %.4f): lower --learning_rate, raise "
                "--batch_size, or change examples more.",
                epoch + 1,
                found["feature_spread"],
            )

    def _scores(self) -> dict[str, float]:
        rows = outputs_of(self._features, self._judged)
        labels = self._judged.labels
        if self._train is None:
            return scores_of(rows, labels, None)
        known = known_features(self._features, self._train, _KNOWN)
        found = scores_of(rows, labels, known)
        ones = np.ones(len(known.rows), np.float32)
        head = lbfgs(
            Rows(known.rows, known.labels, ones),
            None,
            C=1.0,
            standardise=True,
            max_iter=200,
        )
        answers = head.outputs(rows).argmax(axis=1)
        found["probe_accuracy"] = float(np.mean(answers == labels))
        return found


def feature_probes(
    config: Config, backbone: keras.Model, dataset: Dataset
) -> list[FeatureProbe]:
    """Returns the callback that the settings ask for, or none.

    Raises:
        UserError: there is no validation split to judge, or the backbone
            gives no vector of each example.
    """
    if not config.probe_every:
        return []
    setting = f"--probe_every={config.probe_every}"
    if "validation" not in dataset.splits:
        raise UserError(
            f"{setting} judges features on the validation split, and there is "
            "none: set --validation_fraction."
        )
    features = feature_model(backbone, "features")
    if len(features.output_shape) != 2:
        raise UserError(
            f"{setting} needs a vector of each example, and the backbone gives "
            f"{features.output_shape[1:]}: leave it out."
        )
    labelled = bool(dataset.class_names)
    return [
        FeatureProbe(
            features,
            dataset.splits,
            every=config.probe_every,
            labelled=labelled,
        )
    ]
