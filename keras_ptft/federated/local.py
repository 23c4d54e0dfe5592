"""What one client does: takes weights, trains them, gives them back."""

import functools
import hashlib
from collections.abc import Sequence

import keras
import numpy as np

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import take
from keras_ptft.experiment.loading import Loaded
from keras_ptft.federated.partition import Part, divide
from keras_ptft.federated.servers import SERVERS, Server
from keras_ptft.federated.settings import FederateConfig
from keras_ptft.federated.shared import NOTHING, Given, Shared, build
from keras_ptft.federated.trainer import Trainer
from keras_ptft.objectives import Objective
from keras_ptft.registry import lookup
from keras_ptft.training.checkpointing.store import Checkpoint
from keras_ptft.training.tuning import Tuning
from keras_ptft.transfer.audit import fingerprints
from keras_ptft.transfer.unfrozen import with_parts


class Local:
    """One client of a federated training; with no number, all or the server.

    Only what is trained travels: with a frozen backbone the head, or
    low-rank matrices. The statistics of batch normalisation that is trained
    travel with it and are averaged too.

    Args:
        config: the settings of the recipe.
        asked: who has what, and how long a client trains.
        client: its number from 0; None: it has all examples of the data set.
        given: objects in place of settings.

    Raises:
        UserError: the data or the settings are not as they must be.
    """

    def __init__(
        self,
        config: Config,
        asked: FederateConfig,
        client: int | None = None,
        *,
        given: Given = NOTHING,
    ) -> None:
        self.config = planned(config, asked)
        self.asked, self.client = asked, client
        self._state = _State(self.config, asked, given)

    def of(self, client: int) -> "Local":
        """Returns another client, which shares the data and the model."""
        other = Local.__new__(Local)
        other.config, other.asked, other.client = (
            self.config,
            self.asked,
            client,
        )
        other._state = self._state
        return other

    @property
    def shared(self) -> Shared:
        """The data and the model, which all clients of a process share."""
        return self._state.shared

    @property
    def loaded(self) -> Loaded:
        """The data of the recipe."""
        return self.shared.loaded

    @property
    def objective(self) -> Objective:
        """What the model is trained for."""
        return self.shared.objective

    @property
    def body(self) -> keras.Model:
        """The backbone."""
        return self.shared.body

    @property
    def model(self) -> keras.Model:
        """Backbone and head."""
        return self.shared.model

    @property
    def server(self) -> Server:
        """How the server averages."""
        return self._state.server

    @property
    def parts(self) -> Sequence[Part]:
        """Which training examples each client has."""
        return self._state.parts

    @property
    def trainer(self) -> Trainer:
        """What trains, whose step is traced once."""
        return self._state.trainer

    @property
    def names(self) -> list[str]:
        """The name of each weight that travels."""
        return self._state.names

    @property
    def trained(self) -> int:
        """How many of them are trained; those after are statistics."""
        return len(self.shared.tuning.variables)

    @property
    def frozen(self) -> str:
        """A digest of the weights that do not travel."""
        travelling = set(map(id, self._state.variables))
        rest = [v for v in self.model.weights if id(v) not in travelling]
        told = sorted(fingerprints(rest).items())
        return hashlib.blake2b(repr(told).encode(), digest_size=16).hexdigest()

    def weights(self) -> list[np.ndarray]:
        """Returns the weights that travel, in the order of their names."""
        return [
            keras.ops.convert_to_numpy(each).copy()
            for each in self._state.variables
        ]

    def put(self, weights: Sequence[np.ndarray]) -> None:
        """Puts weights that travelled into the model.

        Args:
            weights: as `weights` returns them.
        """
        for each, value in zip(self._state.variables, weights, strict=True):
            each.assign(value)

    def train(
        self, weights: Sequence[np.ndarray], number: int
    ) -> tuple[list[np.ndarray], int, dict[str, float]]:
        """Trains from some weights on the client's examples.

        The same weights, round and client give the same result.

        Args:
            weights: as `weights` returns them.
            number: of the round, from 0.

        Returns:
            The trained weights, the number of examples, and loss and
            metrics of the last epoch.
        """
        source = self.shared.sources["train"]
        if self.client is not None:
            source = take(source, self.parts[self.client].rows)
        self.put(weights)
        each = self.asked.local_epochs
        epochs = range(number * each, (number + 1) * each)
        metrics = self.trainer.train(source, self.client or 0, epochs)
        return self.weights(), len(source), metrics

    def evaluate(
        self, weights: Sequence[np.ndarray]
    ) -> tuple[int, dict[str, float]]:
        """Scores weights on the validation split.

        Args:
            weights: as `weights` returns them.

        Returns:
            The number of examples, and loss and metrics; 0 and none where
            there is no validation split.
        """
        self.put(weights)
        examples = len(self.shared.sources.get("validation", ()))
        return examples, self.trainer.evaluate()

    def go_on_from(self, start: Checkpoint) -> None:
        """Trains by the plan of a checkpoint, before anything is trained."""
        self._state.start = start


class _State:
    """What the clients of a process share, each part made when needed."""

    def __init__(
        self, config: Config, asked: FederateConfig, given: Given
    ) -> None:
        self._config, self._asked = config, asked
        self.start: Checkpoint | None = None
        self.server: Server = lookup(SERVERS, asked.server, "server")()
        self.shared = build(config, asked, given)
        tuning = self.shared.tuning
        self.variables = [
            *tuning.variables,
            *_statistics(self.shared.trained, tuning),
        ]
        self.names = list(fingerprints(self.variables))

    @functools.cached_property
    def parts(self) -> Sequence[Part]:
        config, asked = self._config, self._asked
        return divide(
            self.shared.loaded.dataset.splits["train"],
            asked.partition,
            asked.clients,
            least=config.batch_size * config.gradient_accumulation,
            seed=config.seed,
        )

    @functools.cached_property
    def trainer(self) -> Trainer:
        mu = self.server.proximal
        return Trainer(self._config, self.shared, mu, self.start)


def planned(config: Config, asked: FederateConfig) -> Config:
    """Returns the settings with the epochs of all rounds."""
    return config.replace(epochs=asked.rounds * asked.local_epochs)


def _statistics(model: keras.Model, tuning: Tuning) -> list[keras.Variable]:
    """The statistics of batch normalisation that training changes."""
    held = set(map(id, tuning.frozen))
    return [
        variable
        for layer in with_parts(model.layers)
        if isinstance(layer, keras.layers.BatchNormalization)
        and layer.trainable
        for variable in layer.non_trainable_variables
        if id(variable) not in held
    ]
