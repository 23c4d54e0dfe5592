"""The versions of a model that are served, as its folder has them."""

import logging
import pathlib
import threading
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from keras_ptft.serving.model_server.loaded_version import LoadedVersion
from keras_ptft.serving.model_server.model_config import ModelConfig
from keras_ptft.serving.model_server.statuses import (
    NOT_FOUND,
    StatusError,
    refused,
    status_of,
)

LOADING, AVAILABLE, END = "LOADING", "AVAILABLE", "END"

_LOG = logging.getLogger("keras_ptft")
# as TensorFlow Serving's --file_system_poll_wait_seconds
_POLL_SECONDS = 1.0


class VersionState(NamedTuple):
    """How far a version has come.

    Attributes:
        state: LOADING, AVAILABLE or END, of one that cannot be loaded.
        version: that answers, where it is AVAILABLE.
        fault: why it cannot be loaded.
    """

    state: str
    version: LoadedVersion | None = None
    fault: StatusError | None = None


class ServedModel:
    """A model, and its versions that clients can ask.

    Many threads may ask while one refreshes.

    Attributes:
        config: what is served.

    Args:
        config: what is served; nothing is loaded before `refresh`.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        # replaced as a whole, never changed: others are reading it
        self._states: Mapping[int, VersionState] = {}

    def refresh(self) -> None:
        """Loads the versions that have appeared, and drops those that went.

        What is served stays till one of the versions that are wanted is
        there. One that could not be loaded is not tried again.
        """
        try:
            wanted = self.config.wanted()
        except OSError as error:
            _LOG.warning("Cannot read %s: %s", self.config.base, error)
            return
        new = sorted(wanted.keys() - self._states.keys())
        # all at once, so that nobody takes the first for the only one
        loading = dict.fromkeys(new, VersionState(LOADING))
        self._states = {**self._states, **loading}
        for number in new:
            state = _loaded(wanted[number])
            self._states = {**self._states, number: state}
            self._tell(number, state)
        kept = {n: s for n, s in self._states.items() if n in wanted}
        if any(state.version for state in kept.values()):
            self._states = kept

    def states(
        self, number: int | None = None, label: str = ""
    ) -> dict[int, VersionState]:
        """Returns the states of the versions, or of one, by number.

        Args:
            number: of the version.
            label: of the version, in place of its number.

        Raises:
            StatusError: there is no such version.
        """
        name = self.config.name
        number = self._labelled(label) if label else number
        states = dict(sorted(self._states.items()))
        if number is None:
            if not states:
                raise _unknown(name)
            return states
        if number not in states:
            raise _not_found(f"Could not find version {number} of model {name}")
        return {number: states[number]}

    def find(self, number: int | None = None, label: str = "") -> LoadedVersion:
        """Returns the version that is asked for.

        Args:
            number: of the version.
            label: of the version, in place of its number; neither: the
                highest one that is available.

        Raises:
            StatusError: it is not available.
        """
        number = self._labelled(label) if label else number
        found = {n: s.version for n, s in self._states.items() if s.version}
        asked = max(found, default=None) if number is None else number
        version = found.get(asked) if asked is not None else None
        if version is None:
            raise _not_served(self.config.name, number)
        return version

    def _labelled(self, label: str) -> int:
        if label not in self.config.labels:
            raise refused(f"Unrecognized servable version label: {label}")
        return self.config.labels[label]

    def _tell(self, number: int, state: VersionState) -> None:
        name = self.config.name
        if state.version is None:
            _LOG.warning(
                "Cannot load version %s of %s: %s", number, name, state.fault
            )
        else:
            _LOG.info(
                "Loaded version %s of %s, and replayed %s requests of its "
                "warm-up.",
                *(number, name, state.version.warmed_up),
            )


Models = Mapping[str, ServedModel]
"""Name to model."""


def find_version(
    models: Models, name: str, *, number: int | None, label: str
) -> LoadedVersion:
    """Returns the version of a model that is asked for.

    Args:
        models: that are served.
        name: of the model.
        number: as in `ServedModel.find`.
        label: as in `ServedModel.find`.

    Raises:
        StatusError: there is no such model, or no such version of it.
    """
    if name not in models:
        raise _not_served(name, number)
    return models[name].find(number, label)


def find_states(
    models: Models, name: str, *, number: int | None, label: str
) -> dict[int, VersionState]:
    """Returns the states of the versions of a model, or of one, by number.

    Args:
        models: that are served.
        name: of the model.
        number: as in `ServedModel.states`.
        label: as in `ServedModel.states`.

    Raises:
        StatusError: there is no such model, or no such version of it.
    """
    if name not in models:
        raise _unknown(name)
    return models[name].states(number, label)


def watch(models: Iterable[ServedModel], stopped: threading.Event) -> None:
    """Loads the versions of models, and those that appear later.

    Args:
        models: whose folders are looked at once a second.
        stopped: when to end.
    """
    while not stopped.is_set():
        for model in models:
            model.refresh()
        stopped.wait(_POLL_SECONDS)


def _loaded(folder: pathlib.Path) -> VersionState:
    try:
        return VersionState(AVAILABLE, LoadedVersion(folder))
    except Exception as error:
        # a folder may hold anything; the other versions are served
        return VersionState(END, fault=status_of(error))


def _unknown(name: str) -> StatusError:
    return _not_found(f"Could not find any versions of model {name}")


def _not_found(message: str) -> StatusError:
    return StatusError(NOT_FOUND, message)


def _not_served(name: str, number: int | None) -> StatusError:
    asked = f"Latest({name})"
    if number is not None:
        asked = f"Specific({name}, {number})"
    return _not_found(f"Servable not found for request: {asked}")
