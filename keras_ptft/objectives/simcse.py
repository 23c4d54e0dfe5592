"""A text drawn to itself under other dropout, and away from other texts."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.models.feature_model import feature_model
from keras_ptft.objectives import words
from keras_ptft.objectives.contrastive import check_temperature, nt_xent
from keras_ptft.objectives.feature_objective import FeatureObjective
from keras_ptft.objectives.objective import Batch
from keras_ptft.objectives.views import VIEWS, run_views


class SimCSE(FeatureObjective):
    """Finds a text again under other dropout (SimCSE without labels).

    Gao et al. 2021, "SimCSE: Simple Contrastive Learning of Sentence
    Embeddings". Each text passes the model twice, and only dropout tells the
    two apart. The loss is that of `Contrastive`: beside the candidates of the
    paper, the same pass of other texts counts. Equal texts in a batch belong
    together. The features themselves are compared, as the backbone pools
    them, without a projection.

    Every replica draws its own dropout, so that several replicas equal one
    but for dropout. Frozen layers have none: freeze up to a cut point that
    has dropout behind it. There is none in evaluation either, where both
    passes agree: the loss there says how far apart texts are, in batches of
    64.

    Args:
        info: texts; labels are not needed.
        temperature: what cosines are divided by; smaller looks at the
            nearest others alone.

    Raises:
        UserError: no texts, or the temperature is not above 0.
    """

    changes_inputs = True
    compares = True
    least_batch = 2

    def __init__(self, info: DataInfo, /, *, temperature: float = 0.05) -> None:
        super().__init__(info)
        words.check_is_text(info, "simcse")
        check_temperature(temperature)
        self.temperature = temperature

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Takes each text twice; the targets say which texts are equal."""
        del labels
        texts = words.fingerprints(inputs)
        targets = tf.stack([texts, seeds[:, 2]], axis=1)
        # an empty text has nothing to be found by
        weights = tf.cast(texts != 0, tf.float32)
        return tf.stack([inputs] * VIEWS, axis=1), targets, weights

    def run(self, model: Callable[[Any], Any], inputs: tf.Tensor) -> Any:
        """Runs a model on both of each text, as one batch of more texts."""
        return run_views(model, inputs)

    def assemble(self, backbone: keras.Model) -> keras.Model:
        """Returns the backbone, whose features are the outputs.

        Raises:
            UserError: it has no dropout.
        """
        _check_dropout(feature_model(backbone, self.feature_layer))
        return super().assemble(backbone)

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, features) → the same, float32."""
        return keras.layers.Identity(dtype="float32", name="compared")(features)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the mean cross-entropy of a text's two, in nats."""
        return nt_xent(targets, outputs, self.temperature)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes none: without dropout a text is always found."""
        return []

    def features_of(self, model: keras.Model) -> keras.Model:
        """Returns the model: its outputs are the features."""
        return model


def _check_dropout(features: keras.Model) -> None:
    """Raises a UserError if equal texts of a batch get equal features."""
    shape = [side or 8 for side in features.inputs[0].shape[1:]]
    # the states of dropout are left as they are
    trained, others = (
        [tf.convert_to_tensor(v.value) for v in variables]
        for variables in (
            features.trainable_variables,
            features.non_trainable_variables,
        )
    )
    texts = np.ones((2, *shape), np.int32)
    outputs, _ = features.stateless_call(trained, others, texts, training=True)
    one, other = keras.ops.convert_to_numpy(outputs)
    if np.allclose(one, other, rtol=1e-4, atol=1e-6):
        raise UserError(
            "--objective=simcse tells a text from itself by dropout, and the "
            "backbone has none: set it, as --backbone=bert(dropout=0.1)."
        )
