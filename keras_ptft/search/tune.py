"""Searches settings for a recipe, and writes what it found."""

import dataclasses
import logging
import pathlib
from collections.abc import Sequence

from keras_ptft import files
from keras_ptft.comparison.machine import machine
from keras_ptft.config import Config
from keras_ptft.evaluation.hparams import HParamsRow, write_hparams
from keras_ptft.evaluation.metrics import shown_metrics
from keras_ptft.evaluation.report.embedded import embedded
from keras_ptft.experiment.naming import name_of
from keras_ptft.experiment.remote_runs import at_hand, portable
from keras_ptft.remote.mirrored import mirrored
from keras_ptft.search.default_space import values_of
from keras_ptft.search.flagfile import (
    BEST_FILE,
    best_recipe,
    flagfile,
    proof,
)
from keras_ptft.search.report import PAGE, write_page
from keras_ptft.search.result import Found, best_of, headline
from keras_ptft.search.run import Searched, search, search_folder
from keras_ptft.search.settings import TuneConfig
from keras_ptft.search.summary import sentences
from keras_ptft.search.tables import text_table
from keras_ptft.search.trial import Order, run_name, score_on_test

RESULT_FILE = "tune.json"
SCHEMA = 1
"""Version of what it holds; a field that changes its meaning raises it."""

_LOG = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True, repr=False)
class Tuned:
    """What a search came to.

    Attributes:
        folder: holds `tune.json`, `tune.html`, `best.flags`, and the run
            folders.
        found: every trial, and the best.
        best: the recipe with the settings that were found.
        sentences: what it comes to.
    """

    folder: pathlib.Path
    found: Found
    best: Config
    sentences: Sequence[str]

    def __repr__(self) -> str:
        return "\n".join([text_table(self.found), "", *self.sentences])

    def _repr_html_(self) -> str:
        """What a notebook shows: `tune.html`."""
        return embedded((self.folder / PAGE).read_text(encoding="utf-8"))


def tune(
    recipe: Config, config: TuneConfig | None = None, *, path: str = ""
) -> Tuned:
    """Trains a recipe with other settings, and keeps the best.

    Trials are judged by the validation split alone. The test split is read
    once, after the last of them, of the best and of the recipe as it is. The
    same call again reads the trials that ended, and resumes the others.

    Args:
        recipe: what is trained.
        config: what is searched, and how long; None: as by default.
        path: of the recipe's file; empty: it has none.

    Returns:
        The trials, and the recipe with the best settings.

    Raises:
        UserError: a setting, a file or a run folder is not as it must be.
    """
    config = config or TuneConfig()
    recipe = at_hand(recipe)
    with mirrored(search_folder(recipe)):
        return _tuned(recipe, config, path)


def _tuned(recipe: Config, config: TuneConfig, path: str) -> Tuned:
    searched = search(recipe, config)
    found = _found(recipe, config, searched, path)
    _LOG.info("Scoring on the test split.")
    scored = {"best": found.best, "recipe": 0}
    found = dataclasses.replace(
        found,
        test={
            name: _test_metrics(recipe, found, searched.folder, number)
            for name, number in scored.items()
        },
    )
    return _written(recipe, found, searched)


def _found(
    recipe: Config, config: TuneConfig, searched: Searched, path: str
) -> Found:
    metric = headline(searched.trials[0].metrics)
    return Found(
        name=searched.folder.name,
        recipe=path,
        machine=machine(),
        method=f"{config.method}, seed {recipe.seed}",
        search=[dimension.text for dimension in searched.space],
        metric=metric,
        trials=searched.trials,
        best=best_of(searched.trials, metric).number,
        test={},
        notes=searched.notes,
    )


def _test_metrics(
    recipe: Config, found: Found, folder: pathlib.Path, number: int
) -> dict[str, float]:
    order = Order(recipe, folder, number, found.trial(number).settings)
    return shown_metrics(score_on_test(order).metrics["test"])


def _written(recipe: Config, found: Found, searched: Searched) -> Tuned:
    folder = searched.folder
    best = best_recipe(portable(recipe), found, name_of(recipe))
    path = folder / BEST_FILE
    flags = flagfile(best, found, str(path))
    files.write_text(path, flags)
    told = sentences(found, proof(recipe, found, str(path)))
    files.write_json(
        folder / RESULT_FILE,
        {
            "schema": SCHEMA,
            **dataclasses.asdict(found),
            "sentences": told,
        },
    )
    write_page(
        folder,
        found,
        searched.space,
        values_of(recipe, {}),
        flags=flags,
        sentences=told,
    )
    write_hparams(folder, _rows(recipe, found, searched))
    return Tuned(folder, found, best, told)


def _rows(recipe: Config, found: Found, searched: Searched) -> list[HParamsRow]:
    """A row a trial, with the settings that were searched."""
    own = values_of(recipe, {})
    rows = []
    for trial in found.trials:
        names = {one.name for one in searched.space} | set(trial.settings)
        values = {n: trial.settings.get(n, own[n]) for n in sorted(names)}
        metrics = {f"validation {k}": v for k, v in trial.metrics.items()}
        if trial.number in (0, found.best):
            which = "best" if trial.number == found.best else "recipe"
            test = found.test[which].items()
            metrics |= {f"test {name}": value for name, value in test}
        rows.append(HParamsRow(run_name(trial.number), values, metrics))
    return rows
