"""Where the seconds of a run went."""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

_NAMES = {
    "data": "reading and checking the data",
    "build": "building the model",
    "features": "features of the frozen part",
    "train": "training",
    "save": "saving",
    "evaluate": "evaluation",
    "explain": "explaining predictions",
    "forgetting": "scoring the pretraining task again",
    "scratch": "the same from scratch",
}
# that the style of the page has
_COLORS = 11


class Part(NamedTuple):
    """What some of the seconds were spent on.

    Attributes:
        name: what a reader calls it.
        seconds: how many.
        share: of all of them, 0 to 1.
        within: it is a part of the one before it that is not within another.
        color: number of a color, from 1 on; 0: its parts are drawn.
    """

    name: str
    seconds: float
    share: float
    within: bool = False
    color: int = 0


def time_parts(
    seconds: Mapping[str, float], steps: Mapping[str, float]
) -> list[Part]:
    """Returns the parts of a run in the order they came in.

    Args:
        seconds: by part, as `result.json` has them; "scratch" may be added.
        steps: of them, those of "trace" and of "steps", and of these those
            "waited" for data; may be empty.

    Returns:
        Nothing where no seconds are known.

    Example:

    >>> for part in time_parts({"data": 1.0, "train": 3.0}, {"trace": 2.0}):
    ...     print(part.name, part.seconds, part.share)
    reading and checking the data 1.0 0.25
    training 3.0 0.75
    tracing 2.0 0.5
    validation, checkpoints and the rest 1.0 0.25
    """
    total = sum(seconds.values())
    if total <= 0:
        return []
    parts: list[Part] = []
    colors = (number % _COLORS + 1 for number in itertools.count())
    for name, spent in seconds.items():
        inner = _of_training(spent, steps) if name == "train" else {}
        color = 0 if inner else next(colors)
        shown = _NAMES.get(name, name)
        parts.append(Part(shown, spent, spent / total, color=color))
        parts += [
            Part(name, part, part / total, True, next(colors))
            for name, part in inner.items()
        ]
    return parts


def _of_training(train: float, steps: Mapping[str, float]) -> dict[str, float]:
    """The seconds of a training by what it did; clocks may overlap a bit."""
    if not steps:
        return {}
    trace, stepped = steps.get("trace", 0.0), steps.get("steps", 0.0)
    waited = min(steps.get("waited", 0.0), stepped)
    found = {
        "tracing": trace,
        "steps": stepped - waited,
        "steps that waited for data": waited,
        "validation, checkpoints and the rest": train - trace - stepped,
    }
    return {name: part for name, part in found.items() if part > 0}
