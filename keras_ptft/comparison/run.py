"""Runs every cell of a comparison, and collects what they are worth."""

import logging
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np

from keras_ptft.comparison import linear
from keras_ptft.comparison.machine import machine
from keras_ptft.comparison.plan import Cell, cells, parse_budgets, variants
from keras_ptft.comparison.result import RECIPES, Comparison, Scores
from keras_ptft.comparison.settings import (
    COMPARE_FIELDS,
    FOLDER_SUFFIX,
    CompareConfig,
)
from keras_ptft.config import Config
from keras_ptft.data.core.folds import check_folds
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics import metric_of, shown_metrics
from keras_ptft.experiment import builders
from keras_ptft.experiment.loading import load_dataset
from keras_ptft.experiment.naming import name_of
from keras_ptft.experiment.pretrained import load_origin
from keras_ptft.experiment.privacy import is_private, tell_spent
from keras_ptft.experiment.results import RunResult
from keras_ptft.experiment.several import (
    check_one_machine,
    standing_alone,
    trainers,
)
from keras_ptft.experiment.stages import training_of
from keras_ptft.remote.mirrored import push
from keras_ptft.streams import only_warnings

_LOG = logging.getLogger("keras_ptft")

Outcome = tuple[Cell, RunResult]


class Measured(NamedTuple):
    """What was trained.

    Attributes:
        comparison: all that was measured.
        tuned: settings of the recipe's own runs at the largest budget.
    """

    comparison: Comparison
    tuned: Sequence[Config]


def measure(recipe: Config, compare: CompareConfig, source: str) -> Measured:
    """Trains a recipe in all ways of a comparison.

    Runs that are complete already are read, and unfinished ones resumed.

    Args:
        recipe: a fine-tuning, or a training from random weights.
        compare: what it is compared with, and how often.
        source: what the recipe is called.

    Raises:
        UserError: a setting, a file or a run folder is not as it must be.
    """
    _check(recipe, compare)
    recipe = standing_alone(recipe)
    folder = comparison_folder(recipe)
    kinds = variants(recipe, compare)
    for config in kinds.values():
        builders.check(config)
    sizes = _class_sizes(recipe) if compare.budgets else ()
    every = list(cells(kinds, compare, sizes, str(folder)))
    _LOG.info("%d runs in %s.", len(every), folder)
    tell_spent(sum(is_private(cell.config) for cell in every))
    outcomes = list(_outcomes(every, compare.parallel))
    comparison = Comparison(
        name=folder.name,
        recipe=source,
        metric=_headline(outcomes),
        machine=machine(),
        scores=_scores(outcomes),
        folds=recipe.folds,
    )
    tuned = [cell for cell in every if cell.variant in RECIPES]
    largest = [c.config for c in tuned if c.budget == tuned[-1].budget]
    return Measured(comparison, largest)


def comparison_folder(recipe: Config) -> pathlib.Path:
    """Returns the folder of a comparison, which holds its runs."""
    name = name_of(recipe)
    return pathlib.Path(recipe.runs_dir) / f"{name}{FOLDER_SUFFIX}"


def run_cell(cell: Cell) -> RunResult:
    """Trains one cell, or reads what it came to."""
    with only_warnings():
        try:
            run = linear.fit if cell.is_linear else training_of(cell.config)
            return run(cell.config)
        except UserError as error:
            where = f"{cell.variant}, {cell.unit} {cell.number}"
            raise UserError(f"{where}: {error}") from error
        finally:
            # graphs of earlier cells would fill the memory
            keras.backend.clear_session()


def _outcomes(every: Sequence[Cell], parallel: int) -> Iterator[Outcome]:
    """Yields the cells in their order, each with its result."""
    with trainers(parallel) as pool:
        results = pool.map(run_cell, every)
        for cell, result in zip(every, results, strict=True):
            # below a URL, processes of the pool do not push what they train
            push(cell.config.runs_dir)
            yield _told(cell, result)


def _told(cell: Cell, result: RunResult) -> Outcome:
    name, value = next(iter(shown_metrics(result.metrics["test"]).items()))
    _LOG.info(
        "%s, %s, %s %d: %s %s, %.0f s",
        cell.variant,
        cell.budget,
        cell.unit,
        cell.number,
        metric_of(name).text(value),
        metric_of(name).title,
        sum(result.seconds.values()),
    )
    return cell, result


def _check(recipe: Config, compare: CompareConfig) -> None:
    """Finds errors that show before anything is trained."""
    check_one_machine("compare", recipe)
    parse_budgets(compare.budgets)
    check_folds(recipe.folds, 0)
    if recipe.fold:
        raise UserError(
            f"compare tests on every fold in turn, got --fold={recipe.fold}: "
            "leave it out."
        )
    if recipe.folds and compare.seeds != COMPARE_FIELDS["seeds"].default:
        raise UserError(
            f"--seeds={compare.seeds} and --folds={recipe.folds} exclude each "
            "other, since each fold is a seed: leave one out."
        )


def _class_sizes(recipe: Config) -> list[int]:
    """Training examples of each class, by the first seed's, or fold's."""
    whole = recipe.of_all_examples()
    with only_warnings():
        origin = load_origin(whole)
        weights = origin.weights if origin else None
        loaded = load_dataset(whole, None, whole.on_leak, weights)
    labels = loaded.dataset.splits["train"].labels
    return np.unique(labels, return_counts=True)[1].tolist()


def _headline(outcomes: Sequence[Outcome]) -> str:
    """The first metric of the table of metrics that the recipe has."""
    test = next(r.metrics["test"] for c, r in outcomes if c.variant in RECIPES)
    return next(iter(shown_metrics(test)))


def _scores(outcomes: Sequence[Outcome]) -> list[Scores]:
    grouped: dict[tuple[str, str], list[Outcome]] = {}
    for cell, result in outcomes:
        key = cell.budget, cell.variant
        grouped.setdefault(key, []).append((cell, result))
    return [_of_one(group) for group in grouped.values()]


def _of_one(group: Sequence[Outcome]) -> Scores:
    cell, first = group[0]
    results = [result for _, result in group]
    tests = [shown_metrics(result.metrics["test"]) for result in results]
    used = [(r.data or {})["splits"]["train"]["used"] for r in results]
    return Scores(
        variant=cell.variant,
        budget=cell.budget,
        train_examples=float(np.mean(used)),
        seeds=[c.number for c, _ in group],
        metrics={
            name: [test[name] for test in tests]
            for name in tests[0]
            if all(name in test for test in tests)
        },
        seconds=[round(sum(r.seconds.values()), 2) for r in results],
        trained_parameters=first.trained_parameters,
    )
