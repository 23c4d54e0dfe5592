"""Gradual unfreezing: cut points by the epoch from which they hold."""

import re
from typing import NamedTuple

from keras_ptft.errors import UserError


class Step(NamedTuple):
    """From when on a model is cut where.

    Attributes:
        epoch: the first one, from 0.
        freeze: a cut point of the backbone, "all" or "none".
    """

    epoch: int
    freeze: str


def parse_unfreeze(text: str, epochs: int) -> list[Step]:
    """Parses cut points by epoch, as "0:all,3:block5,6:none".

    Args:
        text: as the user writes it.
        epochs: of the whole training.

    Raises:
        UserError: not of this form, or epochs that do not ascend from 0 to
            less than `epochs`.

    Example:

    >>> parse_unfreeze("0:all, 3:none", epochs=5)
    [Step(epoch=0, freeze='all'), Step(epoch=3, freeze='none')]
    """
    steps = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*:\s*(\S+)\s*", part)
        if not match:
            raise UserError(
                "--unfreeze must be cut points by the epoch from which they "
                f"hold, as 0:all,3:none, got {part.strip()!r} in {text!r}."
            )
        steps.append(Step(int(match[1]), match[2]))
    starts = [step.epoch for step in steps]
    if starts[0] != 0 or starts != sorted(set(starts)):
        raise UserError(
            "--unfreeze must have epochs that ascend from 0, got "
            f"{', '.join(map(str, starts))}: as in 0:all,3:none."
        )
    if starts[-1] >= epochs:
        raise UserError(
            f"--unfreeze={text} changes in epoch {starts[-1]}, and the last of "
            f"--epochs={epochs} is {epochs - 1}: train for longer, or unfreeze "
            "earlier."
        )
    names = [step.freeze for step in steps]
    if "all" in names[1:] or "none" in names[:-1]:
        raise UserError(
            f"--unfreeze={text} must go from the output to the input: all can "
            "be the first cut point alone, none the last."
        )
    return steps
