"""Runs every cell of a comparison, and collects what they are worth."""

import concurrent.futures
import logging
import multiprocessing
import os
import pathlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np

from keras_ptft.comparison import linear
from keras_ptft.comparison.machine import machine
from keras_ptft.comparison.plan import Cell, cells, parse_budgets, variants
from keras_ptft.comparison.result import TUNED, Comparison, Scores
from keras_ptft.comparison.settings import FOLDER_SUFFIX, CompareConfig
from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics import metric_of, shown_metrics
from keras_ptft.experiment import builders, run_dir, stages
from keras_ptft.experiment.loading import load_dataset
from keras_ptft.experiment.pretrained import is_known_model, load_pretrained
from keras_ptft.experiment.results import RunResult
from keras_ptft.streams import only_warnings

_LOG = logging.getLogger("keras_ptft")

Outcome = tuple[Cell, RunResult]


def measure(recipe: Config, compare: CompareConfig, source: str) -> Comparison:
    """Trains a recipe in all ways of a comparison.

    Runs that are complete already are read, and unfinished ones resumed.

    Args:
        recipe: a fine-tuning.
        compare: what it is compared with, and how often.
        source: what the recipe is called.

    Raises:
        UserError: a setting, a file or a run folder is not as it must be.
    """
    _check(recipe, compare)
    recipe = _standing_alone(recipe)
    folder = comparison_folder(recipe)
    kinds = variants(recipe, compare)
    for config in kinds.values():
        builders.check(config)
    sizes = _class_sizes(recipe) if compare.budgets else ()
    every = list(cells(kinds, compare, sizes, str(folder)))
    _LOG.info("%d runs in %s.", len(every), folder)
    outcomes = list(_outcomes(every, compare.parallel))
    return Comparison(
        name=folder.name,
        recipe=source,
        metric=_headline(outcomes),
        machine=machine(),
        scores=_scores(outcomes),
    )


def comparison_folder(recipe: Config) -> pathlib.Path:
    """Returns the folder of a comparison, which holds its runs."""
    name = recipe.name or stages.folder_of("finetune", recipe).name
    return pathlib.Path(recipe.runs_dir) / f"{name}{FOLDER_SUFFIX}"


def run_cell(cell: Cell) -> RunResult:
    """Trains one cell, or reads what it came to."""
    with only_warnings():
        try:
            run = linear.fit if cell.is_linear else stages.finetune
            return run(cell.config)
        except UserError as error:
            where = f"{cell.variant}, seed {cell.config.seed}"
            raise UserError(f"{where}: {error}") from error
        finally:
            # graphs of earlier cells would fill the memory
            keras.backend.clear_session()


def _outcomes(every: Sequence[Cell], parallel: int) -> Iterator[Outcome]:
    """Yields the cells in their order, each with its result."""
    if parallel == 1:
        for cell in every:
            yield _told(cell, run_cell(cell))
        return
    # a process that was forked cannot use TensorFlow
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(parallel, context) as pool:
        try:
            for cell, result in zip(
                every, pool.map(run_cell, every), strict=True
            ):
                yield _told(cell, result)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _told(cell: Cell, result: RunResult) -> Outcome:
    name, value = next(iter(shown_metrics(result.metrics["test"]).items()))
    _LOG.info(
        "%s, %s, seed %d: %s %s, %.0f s",
        cell.variant,
        cell.budget,
        cell.config.seed,
        metric_of(name).text(value),
        metric_of(name).title,
        sum(result.seconds.values()),
    )
    return cell, result


def _check(recipe: Config, compare: CompareConfig) -> None:
    """Finds errors that show before anything is trained."""
    if not recipe.init_from:
        raise UserError(
            "compare needs a recipe that fine-tunes, one with --init_from: "
            "name another one."
        )
    if recipe.strategy == "multi_worker" or "TF_CONFIG" in os.environ:
        raise UserError(
            "compare trains on one machine, got several workers: use "
            "--parallel=N for several processes."
        )
    parse_budgets(compare.budgets)


def _standing_alone(recipe: Config) -> Config:
    """The recipe, from any folder of runs, and without what follows it."""
    init_from = recipe.init_from
    if not is_known_model(recipe):
        path = run_dir.find_backbone(init_from, recipe.runs_dir)
        init_from = str(path)
    return recipe.replace(
        init_from=init_from,
        export_to="",
        compare_scratch=False,
    )


def _class_sizes(recipe: Config) -> list[int]:
    """Training examples of each class, by the first seed's split."""
    whole = recipe.replace(
        train_examples=0, train_per_class=0, train_fraction=1.0
    )
    with only_warnings():
        weights = load_pretrained(whole, None).weights
        loaded = load_dataset(whole, None, whole.on_leak, weights)
    labels = loaded.dataset.splits["train"].labels
    return np.unique(labels, return_counts=True)[1].tolist()


def _headline(outcomes: Sequence[Outcome]) -> str:
    """The first metric of the table of metrics that fine-tuning has."""
    test = next(r.metrics["test"] for c, r in outcomes if c.variant == TUNED)
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
        seeds=[c.config.seed for c, _ in group],
        metrics={
            name: [test[name] for test in tests]
            for name in tests[0]
            if all(name in test for test in tests)
        },
        seconds=[round(sum(r.seconds.values()), 2) for r in results],
        trained_parameters=first.trained_parameters,
    )
