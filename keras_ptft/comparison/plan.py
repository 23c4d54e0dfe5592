"""From a recipe to every run of its comparison."""

import dataclasses
import logging
import math
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from keras_ptft import settings
from keras_ptft.comparison.one_split import why_one_split
from keras_ptft.comparison.result import (
    FOLD,
    LINEAR,
    PROBE,
    SCRATCH,
    SEED,
    TRAINED,
    TUNED,
)
from keras_ptft.comparison.settings import CompareConfig
from keras_ptft.config import FIELDS, Config
from keras_ptft.errors import UserError
from keras_ptft.experiment.probing import check_probe, is_probe
from keras_ptft.objectives.saved import objective_type
from keras_ptft.registry import nearest

_LOG = logging.getLogger("keras_ptft")

RECIPE = "recipe"
"""The budget where none was asked for: the labels that the recipe takes."""

# how a pretrained backbone is tuned, which the variants change
_WAYS = (
    "freeze",
    "unfreeze",
    "train_only",
    "lora",
    "layer_decay",
    "l2_sp",
    "prune",
    "probe",
    "from_scratch",
)
# what a probe cannot follow
_OF_TRAINING = ("batchnorm", "ema", "mix", "sampling", "augment")
# what of the training examples a recipe takes, in place of which is a budget
_LIMITS = ("train_examples", "train_per_class", "train_fraction")
_OF_CELLS = ("name", "runs_dir", "seed", "split_seed", "folds", "fold")
_BUDGET = re.compile(r"(\d+)|(\d+(?:\.\d+)?)\s*%")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run of a comparison.

    Attributes:
        variant: its name.
        budget: as it was asked for.
        config: the settings of the run; its seed is that of the cell.
    """

    variant: str
    budget: str
    config: Config

    @property
    def is_linear(self) -> bool:
        """Whether a linear model is fitted in place of a training."""
        return self.variant == LINEAR

    @property
    def unit(self) -> str:
        """What it differs by from others of its variant and budget."""
        return FOLD if self.config.folds else SEED

    @property
    def number(self) -> int:
        """Its fold, or else its seed."""
        return self.config.fold if self.config.folds else self.config.seed


@dataclasses.dataclass(frozen=True)
class Budget:
    """How much of the training split is used.

    Attributes:
        name: as it was asked for.
        changes: the settings that say it.
        size: examples of a class → how many are used.
    """

    name: str
    changes: Mapping[str, float]
    size: Callable[[int], int]


def parse_budgets(text: str) -> list[Budget]:
    """Reads label budgets, as "10,50,100%".

    Returns:
        Them in their order; the budget of the recipe itself where there is
        none.

    Raises:
        UserError: one that is neither a number of labels nor a share.

    Example:

    >>> [budget.changes for budget in parse_budgets("10, 50%")]
    [{'train_per_class': 10}, {'train_fraction': 0.5}]
    """
    names = [name.strip() for name in text.split(",")] if text else []
    budgets = [_budget(name) for name in names]
    return budgets or [Budget("", {}, lambda size: size)]


def variants(recipe: Config, compare: CompareConfig) -> dict[str, Config]:
    """Returns the settings of each variant by its name.

    Args:
        recipe: the training that is compared.
        compare: says what is trained beside it.

    Raises:
        UserError: an unknown or repeated name, or settings that contradict
            each other.
    """
    plain = _reset(recipe, _WAYS)
    solver = objective_type(recipe.objective).probe
    ways = {
        SCRATCH: plain.replace(from_scratch=True),
        PROBE: _reset(plain, _OF_TRAINING).replace(probe=solver or "none"),
        LINEAR: plain,
    }
    names = [name.strip() for name in compare.beside.split(",") if name.strip()]
    for name in names:
        if name not in ways:
            raise UserError(
                f"--beside must list some of {', '.join(ways)}, got "
                f"{name!r}{nearest(name, ways)}."
            )
    impossible = _impossible(recipe, ways[PROBE])
    found = {}
    for name in [name for name in ways if name in names]:
        if name in impossible:
            _LOG.info("Without %s: %s.", name, impossible[name])
        else:
            found[name] = ways[name]
    found[TUNED if recipe.init_from else TRAINED] = recipe
    for text in compare.variant:
        name, config = _own_variant(text, recipe)
        if name in found:
            raise UserError(
                f"--variant={text!r} needs a name of its own, and there is a "
                f"variant {name!r} already: choose another."
            )
        found[name] = config
    return found


def cells(
    every: Mapping[str, Config],
    compare: CompareConfig,
    class_sizes: Sequence[int],
    folder: str,
) -> Iterator[Cell]:
    """Yields every run, small budgets first.

    At each budget and seed, or fold, all variants see the same examples.
    With fewer examples than the recipe takes they are trained for as many
    steps as it; with more, for as many epochs.

    Where a run has seen what other splits would test on, all seeds have the
    split of the recipe: see `why_one_split`.

    Args:
        every: the variants.
        compare: how often, and with how many labels.
        class_sizes: training examples of each class, all of them; not
            needed without budgets.
        folder: of the comparison, which holds the run folders.
    """
    budgets = parse_budgets(compare.budgets)
    if reason := why_one_split(every.values()):
        _LOG.info(
            "All seeds have the split that %s: it has seen what others "
            "would test on.",
            reason,
        )
    sizes = [sum(map(b.size, class_sizes)) for b in budgets]
    for index in np.argsort(sizes, kind="stable"):
        budget = budgets[index]
        for number in range(next(iter(every.values())).folds or compare.seeds):
            for variant, config in every.items():
                if budget.changes:
                    config = _limited(config, budget, class_sizes)
                own = f"{FOLD if config.folds else ''}{number}"
                name = f"{variant}-{budget.name or 'all'}-{own}"
                config = config.replace(
                    name=plain_name(name),
                    runs_dir=folder,
                    seed=config.seed + number,
                    **_split(config, 0 if reason else number),
                )
                yield Cell(variant, budget.name or RECIPE, config)


def _split(config: Config, number: int) -> dict[str, int]:
    """The settings that say what the run of a seed, or fold, tests on."""
    if config.folds:
        return {"fold": number}
    return {"split_seed": config.split_seed + number}


def plain_name(name: str) -> str:
    """Returns a name that a folder can have.

    Example:

    >>> plain_name("last stages-50%-0")
    'last_stages-50%-0'
    """
    return re.sub(r"[^\w.%-]+", "_", name)


def _reset(config: Config, names: Sequence[str]) -> Config:
    return config.replace(**{name: FIELDS[name].default for name in names})


def _impossible(recipe: Config, probe: Config) -> dict[str, str]:
    """Why a variant that is usual makes no sense for a recipe, by its name."""
    found = {}
    objective = objective_type(recipe.objective)
    if not recipe.init_from:
        found[SCRATCH] = "that is the recipe itself"
    if objective.feature_layer != "features":
        found[LINEAR] = f"--objective={recipe.objective} has no label a text"
    if not recipe.init_from:
        found[PROBE] = "nothing was pretrained"
    elif is_probe(recipe):
        found[PROBE] = "it is the recipe itself"
    elif not objective.probe:
        found[PROBE] = f"none solves the head of {recipe.objective}"
    else:
        try:
            check_probe(probe)
        except UserError as error:
            found[PROBE] = str(error).rstrip(".")
    return found


def _budget(name: str) -> Budget:
    match = _BUDGET.fullmatch(name)
    if match is None or not float(match[1] or match[2]) > 0:
        raise UserError(
            "--budgets must list labels of each class or shares, as "
            f"10,50,100%, got {name!r}."
        )
    if match[1]:
        each = int(match[1])
        return Budget(
            name, {"train_per_class": each}, lambda size: min(each, size)
        )
    share = float(match[2]) / 100
    if share > 1:
        raise UserError(f"--budgets must list shares up to 100%, got {name!r}.")
    return Budget(
        name,
        {"train_fraction": share},
        # one of each class is always kept
        lambda size: max(round(share * size), 1),
    )


def _own_variant(text: str, recipe: Config) -> tuple[str, Config]:
    name, colon, words = text.partition(":")
    if not colon or not name.strip() or not words.strip():
        raise UserError(
            "--variant must be a name and settings, as 'last: "
            f"--freeze=conv2', got {text!r}."
        )
    try:
        lines = "\n".join(shlex.split(words))
    except ValueError as error:
        raise UserError(
            f"--variant={text!r} cannot be read: {error}; close its quotes."
        ) from error
    changes = settings.from_lines(FIELDS, lines)
    for own in _OF_CELLS:
        if own in changes:
            raise UserError(
                f"--variant={text!r} sets --{own}, which no variant has of "
                "its own: leave it out."
            )
    return name.strip(), recipe.replace(**changes)


def _limited(
    config: Config, budget: Budget, class_sizes: Sequence[int]
) -> Config:
    """Fewer examples, as many steps, in batches that they fill."""
    size = sum(map(budget.size, class_sizes))
    taken = _taken(config, class_sizes)
    batch = min(config.batch_size, size)
    accumulated = min(config.gradient_accumulation, size // batch)
    steps = config.epochs * max(taken // _step_size(config), 1)
    each = max(size // (batch * accumulated), 1)
    return _reset(config, _LIMITS).replace(
        **budget.changes,
        batch_size=batch,
        gradient_accumulation=accumulated,
        epochs=math.ceil(steps / each) if size < taken else config.epochs,
    )


def _taken(config: Config, class_sizes: Sequence[int]) -> int:
    """How many training examples the recipe takes as it stands."""
    if each := config.train_per_class:
        return sum(min(each, size) for size in class_sizes)
    whole = sum(class_sizes)
    if config.train_examples:
        return min(config.train_examples, whole)
    return max(round(config.train_fraction * whole), 1)


def _step_size(config: Config) -> int:
    return config.batch_size * config.gradient_accumulation
