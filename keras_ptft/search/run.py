"""Runs the trials of a search, and tells what each came to."""

import concurrent.futures
import dataclasses
import logging
import math
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from keras_ptft import settings as fields
from keras_ptft.config import FIELDS, Config
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics import metric_of
from keras_ptft.experiment import builders, naming, run_dir
from keras_ptft.experiment.privacy import check_not_tuned
from keras_ptft.experiment.run_files import NON_IDENTITY_FIELDS
from keras_ptft.experiment.several import (
    check_one_machine,
    standing_alone,
    trainers,
)
from keras_ptft.remote.mirrored import push
from keras_ptft.search.budget import has_room, parse_budget
from keras_ptft.search.default_space import (
    default_space,
    first_trials,
    values_of,
)
from keras_ptft.search.result import (
    COMPLETE,
    FAILED,
    STOPPED,
    Trial,
    best_of,
    headline,
    settings_text,
)
from keras_ptft.search.settings import FOLDER_SUFFIX, TuneConfig
from keras_ptft.search.space import Dimension, parse_search
from keras_ptft.search.study import (
    Asked,
    Halving,
    Study,
    check_installed,
    forget,
    journal_of,
)
from keras_ptft.search.trial import Order, check_alike, run_trial
from keras_ptft.transfer.loading import load_backbone

_LOG = logging.getLogger("keras_ptft")

_USUAL_TRIALS = 20
_RECIPE = "the recipe as it is"

Clock = Callable[[], float]


@dataclasses.dataclass(frozen=True)
class Searched:
    """What a search has run.

    Attributes:
        folder: of the search.
        space: its dimensions.
        trials: those that ended, by number.
        notes: sentences on what was not tried.
    """

    folder: pathlib.Path
    space: Sequence[Dimension]
    trials: Sequence[Trial]
    notes: Sequence[str]


def search_folder(recipe: Config) -> pathlib.Path:
    """Returns the folder of a search, which holds its runs."""
    name = naming.name_of(recipe)
    return pathlib.Path(recipe.runs_dir) / f"{name}{FOLDER_SUFFIX}"


def search(
    recipe: Config, tune: TuneConfig, clock: Clock = time.monotonic
) -> Searched:
    """Trains a recipe as it is, and then with other settings.

    Trials that ended are read, and unfinished ones resumed.

    Args:
        recipe: what is trained.
        tune: what is searched, and how long.
        clock: gives seconds.

    Raises:
        UserError: a setting, a file or a run folder is not as it must be.
    """
    given = parse_search(tune.search) if tune.search else None
    budget = parse_budget(tune.budget)
    _check(recipe, tune, given)
    folder = search_folder(recipe)
    if recipe.overwrite:
        forget(folder)
    study = Study(
        folder,
        _identity(recipe, tune),
        method=tune.method,
        seed=recipe.seed,
    )
    with trainers(tune.parallel) as pool:
        running = _Running(recipe, tune, folder, study, clock, budget, pool)
        return running.all(given)


class _Running:
    """A search that goes on."""

    def __init__(
        self,
        recipe: Config,
        tune: TuneConfig,
        folder: pathlib.Path,
        study: Study,
        clock: Clock,
        budget: float,
        pool: concurrent.futures.Executor,
    ) -> None:
        self._recipe, self._tune, self._folder = recipe, tune, folder
        self._study, self._pool = study, pool
        self._clock, self._budget = clock, budget
        self._trials: dict[int, Trial] = {}
        self._before, self._start = 0.0, clock()
        self._out_of_time = False
        most = tune.trials
        if not most:
            most = _USUAL_TRIALS if math.isinf(budget) else 10**9
        self._most = most

    def all(self, given: Sequence[Dimension] | None) -> Searched:
        """Runs every trial that there is time for."""
        self._run_firsts([(_RECIPE, {})])
        if self._trials[0].state == FAILED:
            raise UserError(self._trials[0].error)
        every: list[tuple[str, dict[str, Any]]] = [(_RECIPE, {})]
        space = given
        if space is None:
            space, others = self._defaults()
            every += others
        self._run_firsts(every)
        # they are learned from before anything is proposed
        self._study.begin(space, self._learned(every))
        for trial in self._study.ended():
            self._remember(trial)
        for asked, trial in self._each(self._proposed(len(every))):
            self._study.tell(asked, trial)
        trials = [self._trials[number] for number in sorted(self._trials)]
        notes = self._notes(trials, every, space)
        return Searched(self._folder, space, trials, notes)

    def _defaults(
        self,
    ) -> tuple[list[Dimension], list[tuple[str, dict[str, Any]]]]:
        name = self._order(0, {}).config.name
        backbone = load_backbone(self._folder / name / run_dir.BACKBONE_FILE)
        space = default_space(self._recipe, backbone)
        found = " ".join(dimension.text for dimension in space)
        _LOG.info("Searching %s.", found)
        return space, first_trials(self._recipe, backbone)

    def _run_firsts(
        self, every: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> None:
        """Runs trials that are not proposed, from number 0 on."""
        orders = []
        for number, (label, settings) in enumerate(every[: self._most]):
            if number in self._trials:
                continue
            if (trial := self._study.first(number)) is not None:
                self._remember(trial)
            else:
                orders.append((None, self._order(number, settings, label)))
        waiting = (order for order in orders if self._has_room())
        for _, trial in self._each(waiting):
            self._study.keep_first(trial)

    def _learned(
        self, every: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[tuple[Trial, Mapping[str, Any]]]:
        return [
            (
                self._trials.get(number) or Trial(number=number, state=FAILED),
                values_of(self._recipe, dict(settings)),
            )
            for number, (_, settings) in enumerate(every)
        ]

    def _proposed(self, firsts: int) -> Iterator[tuple[Asked, Order]]:
        """Yields what is to be run, as long as there is room for it."""
        for asked in self._study.unfinished():
            yield self._ordered(asked)
        while firsts + self._study.asked < self._most and self._has_room():
            yield self._ordered(self._study.ask())

    def _ordered(self, asked: Asked) -> tuple[Asked, Order]:
        halving = None
        if self._tune.method == "hyperband":
            halving = Halving(
                journal_of(self._folder), asked.place, self._recipe.epochs
            )
        order = self._order(asked.number, asked.settings)
        return asked, dataclasses.replace(order, halving=halving)

    def _order(
        self, number: int, settings: Mapping[str, Any], label: str = ""
    ) -> Order:
        return Order(self._recipe, self._folder, number, settings, label)

    def _each(
        self, orders: Iterator[tuple[Any, Order]]
    ) -> Iterator[tuple[Any, Trial]]:
        """Runs so many at a time; what comes next is asked for then."""
        waiting: dict[concurrent.futures.Future[Trial], Any] = {}
        while True:
            while len(waiting) < self._tune.parallel:
                if (following := next(orders, None)) is None:
                    break
                asked, order = following
                waiting[self._pool.submit(run_trial, order)] = asked
            if not waiting:
                return
            done, _ = concurrent.futures.wait(
                waiting, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in done:
                trial = future.result()
                self._remember(trial, told=True)
                yield waiting.pop(future), trial
                # with its note, and what a process of the pool did not push
                push(self._folder)

    def _remember(self, trial: Trial, told: bool = False) -> None:
        self._trials[trial.number] = trial
        if trial.state == COMPLETE and trial.number:
            check_alike(self._folder, trial)
        if told:
            _tell(trial, list(self._trials.values()))
        else:
            self._before += trial.seconds / self._tune.parallel

    def _has_room(self) -> bool:
        if not self._trials:
            return True
        spent = self._before + self._clock() - self._start
        seconds = [trial.seconds for trial in self._trials.values()]
        room = has_room(spent, seconds, self._budget)
        self._out_of_time |= not room
        return room

    def _notes(
        self,
        trials: Sequence[Trial],
        firsts: Sequence[tuple[str, Mapping[str, Any]]],
        space: Sequence[Dimension],
    ) -> list[str]:
        """Says what the search has left out."""
        notes = []
        if self._out_of_time:
            notes.append(
                f"The time of {self._tune.budget} was up after "
                f"{len(trials):,} trial{'s' * (len(trials) != 1)}."
            )
        missed = [
            label
            for number, (label, _) in enumerate(firsts)
            if number not in self._trials
        ]
        own = values_of(self._recipe, {})
        missed += [
            settings_text({one.name: value})
            for one in space
            for value in one.values
            if not any(
                trial.settings.get(one.name, own[one.name]) == value
                for trial in trials
            )
        ]
        if missed:
            notes.append(f"Not tried: {', '.join(missed)}.")
        return notes


def _tell(trial: Trial, trials: Sequence[Trial]) -> None:
    """Logs what a trial came to."""
    what = settings_text(trial.settings)
    if trial.label:
        what = f"{trial.label} ({what})" if what else trial.label
    if trial.state == FAILED:
        error = trial.error.rstrip(".")
        _LOG.info("trial %d: failed, %s: %s.", trial.number, what, error)
        return
    metric = headline(trial.metrics)
    text = metric_of(metric).text(trial.metrics[metric])
    how = ""
    if trial.state == STOPPED:
        how = " (stopped early)"
    elif best_of(trials, metric) == trial:
        how = " (best so far)"
    _LOG.info(
        "trial %d: %s validation %s, %s, %.0f s%s",
        trial.number,
        text,
        metric_of(metric).title,
        what,
        trial.seconds,
        how,
    )


def _check(
    recipe: Config, tune: TuneConfig, given: Sequence[Dimension] | None
) -> None:
    """Finds errors that show before anything is trained."""
    check_installed()
    check_one_machine("tune", recipe)
    check_not_tuned(recipe)
    if tune.method == "hyperband" and any(
        dimension.name == "epochs" for dimension in given or ()
    ):
        raise UserError(
            "--method=hyperband stops trials after fewer epochs, got a "
            "--search of epochs: leave them out, or use --method=tpe."
        )
    builders.check(recipe)
    standing_alone(recipe)


def _identity(recipe: Config, tune: TuneConfig) -> dict[str, str]:
    """What makes it another search."""
    own = {
        name: fields.to_text(field, getattr(recipe, name))
        for name, field in FIELDS.items()
        if name not in NON_IDENTITY_FIELDS
    }
    return own | {"search": tune.search, "method": tune.method}
