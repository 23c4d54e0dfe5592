"""The likelihood-ratio attack by shadow models."""

import numpy as np

from keras_ptft.errors import UserError
from keras_ptft.evaluation.membership.ratios import likelihood_ratios
from keras_ptft.experiment.attacks.loss import Guesses
from keras_ptft.experiment.attacks.shadows import (
    confidences,
    remove_shadows,
    train_shadows,
)
from keras_ptft.experiment.attacks.target import Attacked, Suspects

_MOST = 1000


def lira(
    attacked: Attacked,
    suspects: Suspects,
    /,
    *,
    shadows: int = 16,
    seed: int = 0,
) -> Guesses:
    """Compares each example in models with it and without (LiRA).

    Carlini et al. 2022, "Membership Inference Attacks From First Principles".
    The run's recipe trains shadow models on random halves of the examples.
    For classifiers alone. It costs as many trainings; interrupted, it is
    resumed.

    Args:
        shadows: how many models, even, at least 4.
        seed: of what each of them is trained on.
    """
    if shadows % 2 or not 4 <= shadows <= _MOST:
        raise UserError(
            "Setting 'shadows' of attack 'lira' must be even and from 4 to "
            f"{_MOST:,}, got {shadows}."
        )
    if seed < 0:
        raise UserError(
            f"Setting 'seed' of attack 'lira' must be at least 0, got {seed}."
        )
    objective, model = attacked.objective, attacked.model
    if not objective.calibrates:
        raise UserError(
            "--attack=lira compares probabilities of classes, and --objective="
            f"{attacked.config.objective} has none: use --attack=loss."
        )
    ours, of_ours = confidences(model, objective, suspects.member_source)
    theirs, of_theirs = confidences(model, objective, suspects.other_source)
    found = train_shadows(attacked, suspects, shadows, seed)
    # of all training examples some are asked about, of the others all
    train = len(suspects.dataset.splits["train"])
    asked = np.append(suspects.members, train + np.arange(len(theirs)))
    ratios = likelihood_ratios(
        np.append(ours, theirs),
        found.confidences[:, asked],
        found.within[:, asked],
    )
    remove_shadows(attacked)
    return Guesses(
        attacker=f"who trains {shadows} shadow models",
        members=ratios[: len(ours)],
        others=ratios[len(ours) :],
        metrics={"members": of_ours, "others": of_theirs},
    )
