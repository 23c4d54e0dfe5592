"""What a search found, as a recipe."""

import shlex
import textwrap
from collections.abc import Mapping
from typing import Any

from keras_ptft import settings
from keras_ptft.config import FIELDS, Config
from keras_ptft.evaluation.metrics import metric_of
from keras_ptft.search.result import Found

BEST_FILE = "best.flags"
UNTUNED = "untuned"
"""Name of the variant that has the recipe's own settings."""

_WIDTH = 80
# a bare line for each of these would say nothing
_OF_THE_MOMENT = ("overwrite", "profile_steps")


def best_recipe(recipe: Config, found: Found, name: str) -> Config:
    """Returns the recipe with the settings of the best trial.

    Args:
        recipe: as it is.
        found: what the search came to.
        name: of the recipe's run.
    """
    best = found.trial(found.best).settings
    return recipe.replace(**{**best, "name": f"{name}_tuned"})


def flagfile(best: Config, found: Found, path: str) -> str:
    """Returns a recipe whose header says how it was found.

    Args:
        best: its settings.
        found: what the search came to.
        path: where it is going to be.
    """
    of = found.recipe or found.name
    header = [
        f"Purpose: {of}, with the settings that keras-ptft tune found.",
        f"Command: keras-ptft run {shlex.quote(path)}",
        f"Searched: {' '.join(found.search)}, by {found.method}, "
        f"{len(found.trials):,} trials.",
        f"Measured: {measured(found)}",
    ]
    comments = [
        line
        for text in header
        for line in textwrap.wrap(
            f"# {text}",
            _WIDTH,
            subsequent_indent="#   ",
            break_on_hyphens=False,
            break_long_words=False,
        )
    ]
    lines = [
        f"--{name}={settings.to_text(field, getattr(best, name))}"
        for name, field in FIELDS.items()
        if best.is_set(name) and name not in _OF_THE_MOMENT
    ]
    return "\n".join([*comments, *lines]) + "\n"


def measured(found: Found) -> str:
    """Returns the score of the best beside that of the recipe."""
    metric = metric_of(found.metric)
    best, recipe = (
        metric.text(found.trial(number).metrics[found.metric])
        for number in (found.best, 0)
    )
    return (
        f"validation {metric.title} {best} on {found.machine}, with the "
        f"recipe as it is {recipe}."
    )


def proof(recipe: Config, found: Found, path: str) -> str:
    """Returns the command that would prove whether the settings help.

    Args:
        recipe: as it is.
        found: what the search came to.
        path: of the recipe with the settings that were found.

    Returns:
        Words for a shell; empty where there is no such command.
    """
    best = found.trial(found.best).settings
    if not recipe.init_from or not best:
        return ""
    own = changes(recipe, best)
    words = shlex.join(own)
    variant = shlex.quote(f"{UNTUNED}: {words}")
    return f"keras-ptft compare {shlex.quote(path)} --variant={variant}"


def changes(recipe: Config, best: Mapping[str, Any]) -> list[str]:
    """Returns the flags that bring the recipe's own settings back."""
    return [
        f"--{name}={settings.to_text(FIELDS[name], getattr(recipe, name))}"
        for name in best
    ]
