"""The attack by a threshold on the loss."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_ptft.evaluation.measure import measure
from keras_ptft.experiment.attacks.target import Attacked, Suspects


@dataclasses.dataclass(frozen=True)
class Guesses:
    """What an attacker makes of examples.

    Attributes:
        attacker: what it knows or does, as "who knows the loss".
        members: a score for each member, higher for likelier ones, float of
            shape (members,).
        others: likewise of the other examples.
        metrics: the model's on the "members" and the "others".
    """

    attacker: str
    members: np.ndarray
    others: np.ndarray
    metrics: Mapping[str, Mapping[str, float]]


def loss(attacked: Attacked, suspects: Suspects, /) -> Guesses:
    """Takes the examples with the lowest loss for members.

    Yeom et al. 2018, "Privacy Risk in Machine Learning: Analyzing the
    Connection to Overfitting". It costs one pass over the examples.
    """
    objective = attacked.objective

    def keep(targets: tf.Tensor, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"loss": objective.loss(targets, outputs)}

    sources = {
        "members": suspects.member_source,
        "others": suspects.other_source,
    }
    found = {
        name: measure(attacked.model, objective, source, keep)
        for name, source in sources.items()
    }
    return Guesses(
        attacker="who knows the loss of an example",
        members=-found["members"][1]["loss"].astype(np.float64),
        others=-found["others"][1]["loss"].astype(np.float64),
        metrics={name: metrics for name, (metrics, _) in found.items()},
    )
