"""What a search knows, in a journal that a kill leaves readable.

Optuna proposes values. KerasTuner, the other library for this, wants to own
the training by way of a HyperModel, runs in parallel only as workers of a
gRPC server, and has had two releases since 2024 (1.4.8 of November 2025 is
the last); Optuna is asked and told by whoever trains, and keeps its trials
in a file that several processes may append to.
"""

import dataclasses
import importlib.util
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_ptft import files
from keras_ptft.errors import DiskError, UserError
from keras_ptft.search.result import (
    COMPLETE,
    STOPPED,
    Trial,
    goodness,
    headline,
)
from keras_ptft.search.space import Dimension, drawn, holds

if TYPE_CHECKING:
    import optuna

JOURNAL = "optuna.log"

_NAME = "tune"
_IDENTITY, _FIRST, _TRIAL = "identity", "first ", "trial"
_STOPPED = "stopped"
_LOCK = ".lock"


@dataclasses.dataclass(frozen=True)
class Asked:
    """Values that were proposed for a trial.

    Attributes:
        number: of the trial.
        settings: the values by the setting's name.
        handle: the trial of Optuna's.
    """

    number: int
    settings: Mapping[str, Any]
    handle: "optuna.trial.Trial"

    @property
    def place(self) -> int:
        """The number that Optuna gave the trial."""
        return int(self.handle.number)


def check_installed() -> None:
    """Raises a UserError unless Optuna is there."""
    if importlib.util.find_spec("optuna") is None:
        raise UserError(
            "tune needs Optuna, which is not installed: pip install "
            '"keras_ptft[tune]".'
        )


class Study:
    """The trials of a search, those that ended and those that did not.

    What is proposed for a trial depends on the seed, its number and the
    trials before it alone, so that a search that was killed goes on as if it
    had not been.

    Args:
        folder: of the search.
        identity: what makes it another search, by the setting's name.
        method: "tpe", "random" or "hyperband".
        seed: of what is proposed.

    Raises:
        UserError: the folder holds another search.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        identity: Mapping[str, str],
        *,
        method: str,
        seed: int,
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._method, self._seed = method, seed
        path = folder / JOURNAL
        _mend(path)
        self._study = optuna.create_study(
            study_name=_NAME,
            storage=_storage(path),
            direction="maximize",
            load_if_exists=True,
        )
        self._firsts = 0
        self._check(folder, identity)

    def first(self, number: int) -> Trial | None:
        """Returns one of the trials that were not proposed, if it ended."""
        found = self._study.user_attrs.get(f"{_FIRST}{number}")
        return None if found is None else Trial(**found)

    def keep_first(self, trial: Trial) -> None:
        """Notes the end of a trial that was not proposed."""
        name = f"{_FIRST}{trial.number}"
        self._study.set_user_attr(name, dataclasses.asdict(trial))

    def begin(
        self,
        space: Sequence[Dimension],
        firsts: Sequence[tuple[Trial, Mapping[str, Any]]],
    ) -> None:
        """Says what is searched, and tells what the first trials teach.

        Args:
            space: the dimensions.
            firsts: trials that were not proposed, each with the values of
                all dimensions. Those that the space holds are learned from.
        """
        self._space, self._firsts = space, len(firsts)
        if self._study.get_trials(deepcopy=False):
            return
        names = {dimension.name for dimension in space}
        for trial, values in firsts:
            # a probe differs in settings that are not searched
            is_point = trial.settings.keys() <= names and holds(space, values)
            if trial.state == COMPLETE and is_point:
                own = {name: values[name] for name in names}
                self._study.enqueue_trial(own, {_FIRST: trial.number})
                handle = self._asked(0)
                drawn(space, handle)
                self._study.tell(handle, _value(trial))

    @property
    def asked(self) -> int:
        """How many trials were proposed so far."""
        return len(list(self._proposed()))

    def ended(self) -> list[Trial]:
        """Returns the trials that were proposed and have ended."""
        return [
            Trial(**trial.user_attrs[_TRIAL])
            for trial in self._proposed()
            if trial.state.is_finished()
        ]

    def unfinished(self) -> list[Asked]:
        """Returns what was proposed to a search that was killed."""
        import optuna

        found = []
        for count, trial in enumerate(list(self._proposed())):
            if not trial.state.is_finished():
                number = self._firsts + count
                self._seeded(number)
                # Optuna has no public way back to a trial
                handle = optuna.Trial(self._study, trial._trial_id)
                found.append(Asked(number, drawn(self._space, handle), handle))
        return found

    def ask(self) -> Asked:
        """Proposes values for another trial."""
        number = self._firsts + self.asked
        handle = self._asked(number)
        return Asked(number, drawn(self._space, handle), handle)

    def tell(self, asked: Asked, trial: Trial) -> None:
        """Notes what a trial came to."""
        import optuna

        asked.handle.set_user_attr(_TRIAL, dataclasses.asdict(trial))
        if trial.state == COMPLETE:
            self._study.tell(asked.handle, _value(trial))
            return
        states = optuna.trial.TrialState
        is_stopped = trial.state == STOPPED
        state = states.PRUNED if is_stopped else states.FAIL
        self._study.tell(asked.handle, state=state)

    def _asked(self, number: int) -> "optuna.trial.Trial":
        self._seeded(number)
        return self._study.ask()

    def _seeded(self, number: int) -> None:
        """Gives the sampler the state that it has for one trial."""
        import optuna

        mixed = np.random.SeedSequence((self._seed, number))
        seed = int(mixed.generate_state(1)[0])
        samplers = optuna.samplers
        is_random = self._method == "random"
        make = samplers.RandomSampler if is_random else samplers.TPESampler
        self._study.sampler = make(seed=seed)

    def _proposed(self) -> Iterator["optuna.trial.FrozenTrial"]:
        for trial in self._study.get_trials(deepcopy=False):
            if _FIRST not in trial.user_attrs:
                yield trial

    def _check(self, folder: pathlib.Path, identity: Mapping[str, str]) -> None:
        known = self._study.user_attrs.get(_IDENTITY)
        if known is None:
            self._study.set_user_attr(_IDENTITY, dict(identity))
            return
        for name in sorted({*known, *identity}):
            texts = [part.get(name, "") for part in (known, identity)]
            if texts[0] != texts[1]:
                there, now = (text or "''" for text in texts)
                raise UserError(
                    f"{folder} holds another search (--{name}={there} there, "
                    f"{now} now): choose another --name, or --overwrite it."
                )


@dataclasses.dataclass(frozen=True)
class Halving:
    """Decides in the process that trains whether a trial is worth going on.

    By Li et al. 2018, "Hyperband", as Optuna does it: of the trials of a
    bracket that have come to 1, 3, 9, ... epochs, those that are not among
    the best third are stopped. Every training is planned for all epochs, and
    none is begun anew.

    Attributes:
        journal: file of the study.
        place: number that Optuna gave the trial.
        epochs: of a whole training.
    """

    journal: pathlib.Path
    place: int
    epochs: int

    @property
    def stopped(self) -> dict[str, float] | None:
        """The metrics of a trial that was stopped before it was killed."""
        metrics = self._trial().user_attrs.get(_STOPPED)
        return None if metrics is None else dict(metrics)

    def stops(self, epoch: int, metrics: Mapping[str, float]) -> bool:
        """Returns whether a trial is stopped after an epoch.

        Args:
            epoch: from 1.
            metrics: of the validation split then.
        """
        trial = self._trial()
        metric = headline(metrics)
        # one that is resumed may come by an epoch again
        if epoch not in trial.study.trials[self.place].intermediate_values:
            trial.report(goodness(metric, metrics[metric]), epoch)
        stops = epoch < self.epochs and trial.should_prune()
        if stops:
            trial.set_user_attr(_STOPPED, dict(metrics))
        return bool(stops)

    def _trial(self) -> "optuna.trial.Trial":
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.load_study(
            study_name=_NAME,
            storage=_storage(self.journal),
            # nothing is proposed here
            sampler=optuna.samplers.RandomSampler(),
            pruner=optuna.pruners.HyperbandPruner(1, self.epochs, 3),
        )
        trial = study.get_trials(deepcopy=False)[self.place]
        return optuna.Trial(study, trial._trial_id)


def forget(folder: pathlib.Path) -> None:
    """Removes what a folder knows of a search; its runs stay."""
    try:
        (folder / JOURNAL).unlink(missing_ok=True)
    except OSError as error:
        raise DiskError(
            f"Cannot remove {folder / JOURNAL}: {error.strerror}. Choose "
            "another --name."
        ) from error


def _value(trial: Trial) -> float:
    metric = headline(trial.metrics)
    return goodness(metric, trial.metrics[metric])


def _storage(path: pathlib.Path) -> "optuna.storages.JournalStorage":
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    # links, by which it would lock else, are not made on every system
    lock = JournalFileOpenLock(str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path), lock))
    except OSError as error:
        raise DiskError(
            f"Cannot write {path}: {error.strerror}. Choose a folder with "
            "write permission and free space."
        ) from error


def _mend(path: pathlib.Path) -> None:
    """Takes away what a killed process left: a lock, and half a line.

    Optuna refuses to read a journal with half a line in it.
    """
    path.with_name(path.name + _LOCK).unlink(missing_ok=True)
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with files.replacing(path) as partial:
            partial.write_bytes(whole)


def journal_of(folder: pathlib.Path) -> pathlib.Path:
    """Returns the file of a search's study."""
    return pathlib.Path(os.fspath(folder)) / JOURNAL
