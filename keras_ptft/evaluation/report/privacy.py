"""What a private training hides and what it does not, in words."""

from collections.abc import Mapping
from typing import Any

NOT_COVERED = (
    "Scores, losses and counts of examples, of training, validation and test: "
    "they are told without noise.",
    "Examples of the validation and the test split, and how examples came to "
    "be in the training split.",
    "Settings that people chose after they saw scores or examples.",
    "The run folder, which is not for publication: the key in its "
    "privacy.json chose the batches.",
    "The rounding of floating-point noise (Mironov 2012).",
    "The data that pretrained weights were trained on.",
    "Names of labels and columns, and how many classes and examples there are.",
    "Other runs on the same data: what each of them spends adds up.",
)
"""What the guarantee of a private training says nothing of."""


def privacy_sentences(privacy: Mapping[str, Any] | None) -> list[str]:
    """Returns what a private training guarantees, in words.

    Args:
        privacy: "privacy" of `result.json`; None: it was not private.

    Returns:
        A sentence each; none where nothing is guaranteed.

    Example:

    >>> known = {"epsilon": 2.99, "delta": 1e-5, "clip": 1.0}
    >>> known |= {"noise_multiplier": 1.04, "sampling_rate": 0.00474}
    >>> known |= {"steps": 937, "accountant": "PLD, dp_accounting 0.6.0"}
    >>> known |= {"neighbours": "add or remove one example"}
    >>> known |= {"group": "one example"}
    >>> privacy_sentences(known)[0]
    'Training hides one example: epsilon 2.99 at delta 1e-05.'
    """
    if not privacy:
        return []
    return [
        f"Training hides {privacy['group']}: epsilon {privacy['epsilon']:.4g} "
        f"at delta {privacy['delta']:g}.",
        f"It is counted by {privacy['accountant']}, for data sets that differ "
        f"so: {privacy['neighbours']}.",
        f"Each of {privacy['steps']:,} steps took each example with "
        f"probability {privacy['sampling_rate']:.4g} (Poisson sampling), "
        f"clipped its gradient to {privacy['clip']:g} and added noise of "
        f"{privacy['noise_multiplier']:.4g} times that.",
    ]
