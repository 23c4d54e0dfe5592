"""The one training model of a process, which trains client after client."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.batching import steps_per_epoch
from keras_ptft.errors import UserError
from keras_ptft.experiment.training import Training, build_fit_config
from keras_ptft.federated.shared import Shared
from keras_ptft.training.callbacks import StopOnNaN
from keras_ptft.training.checkpointing.store import Checkpoint
from keras_ptft.training.distribution.strategies import (
    distributed,
    get_strategy,
)
from keras_ptft.training.fit import training_batches, validation_batches
from keras_ptft.training.tuning import Tuning

_STREAM = 0xC11E


class Trainer:
    """Trains clients one after the other, by steps that are traced once.

    Args:
        config: the settings; `epochs` are those of all rounds.
        shared: data and model.
        proximal: mu of the proximal term; 0: there is none.
        start: a checkpoint with the plan to go on by; None: it is made.
    """

    def __init__(
        self,
        config: Config,
        shared: Shared,
        proximal: float = 0.0,
        start: Checkpoint | None = None,
    ) -> None:
        self._config, self._shared = config, shared
        plain = config.replace(resident="false")
        source, self._anchors = shared.sources["train"], _Anchors()
        training = Training(plain, shared.objective, source, None)
        with get_strategy(config.strategy).scope():
            tuning = shared.tuning
            if proximal:
                tuning = self._anchors.added_to(tuning, proximal)
            self.model = training.training_model(
                shared.trained, source, tuning, config.epochs, start
            )
        optimizer = self.model.optimizer.variables
        self._fresh = [each.numpy() for each in optimizer]
        fit_config = build_fit_config(plain, shared.objective, source)
        self._validation = validation_batches(
            self.model, shared.sources, fit_config
        )

    def train(
        self, source: Source, client: int, epochs: range
    ) -> dict[str, float]:
        """Trains on the examples of a client, from the weights there are.

        The optimizer, the order of examples and the seeds of dropout depend
        on the seed, the client and the epochs alone.

        Args:
            source: as the trained part takes them.
            client: its number.
            epochs: of all rounds, those of this one.

        Returns:
            Loss and metrics of the last epoch.

        Raises:
            UserError: the client has less examples than a step.
            NonFiniteError: the loss is not finite.
        """
        fit_config = build_fit_config(
            self._config, self._shared.objective, source
        )
        fit_config = dataclasses.replace(
            fit_config, seed=_seed_of(fit_config.seed, client)
        )
        steps = steps_per_epoch(source, fit_config.step_size)
        if not steps:
            raise UserError(
                f"A client needs {fit_config.step_size} examples, a step, "
                f"got {len(source)}: lower --batch_size."
            )
        self._begin(client, epochs.start, steps)

        def batches(**shard: Any) -> tf.data.Dataset:
            # endless: Keras counts whole calls, and would leave the last ones
            # out of a data set that ends with the last step
            return training_batches(
                source,
                self._shared.objective,
                fit_config,
                start_step=epochs.start * steps,
                **shard,
            )

        fitted = self.model.fit(
            distributed(self.model.distribute_strategy, batches),
            initial_epoch=epochs.start,
            epochs=epochs.stop,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
            callbacks=[StopOnNaN()],
        )
        return {k: float(v[-1]) for k, v in fitted.history.items()}

    def evaluate(self) -> dict[str, float]:
        """Scores the weights there are on the validation split, if any."""
        if self._validation is None:
            return {}
        found: Mapping[str, Any] = self.model.evaluate(
            self._validation,
            steps=self.model.evaluation_steps,
            verbose=0,
            return_dict=True,
        )
        return {name: float(value) for name, value in found.items()}

    def _begin(self, client: int, epoch: int, steps: int) -> None:
        """Makes the state a function of the client and the epoch alone."""
        model = self.model
        model.steps_per_epoch = steps
        with model.distribute_strategy.scope():
            model.step.assign(epoch * steps)
            for each, value in zip(
                model.optimizer.variables, self._fresh, strict=True
            ):
                each.assign(value)
            self._anchors.hold()
            for number, each in enumerate(_random_states(self._shared.trained)):
                words = [self._config.seed, client, epoch, number]
                drawn = np.random.SeedSequence(words)
                each.assign(drawn.generate_state(2, np.uint32))


def _seed_of(seed: int, client: int) -> int:
    """A seed for each client, that of the run for the first.

    Orders keep the low 32 bits of a seed, and settings give 31.
    """
    if not client:
        return seed
    drawn = np.random.SeedSequence([seed, client, _STREAM]).generate_state(1)
    return int(drawn[0] >> 1)


class _Anchors:
    """Weights that a client began with, which its loss holds it near."""

    def __init__(self) -> None:
        self._pairs: list[tuple[keras.Variable, tf.Variable]] = []

    def added_to(self, tuning: Tuning, mu: float) -> Tuning:
        """Adds mu / 2 times the squared distance to the penalty."""
        self._pairs = [
            (each, tf.Variable(each.numpy(), trainable=False))
            for each in tuning.variables
        ]
        before = tuning.penalty

        def penalty() -> tf.Tensor:
            moved = [tf.nn.l2_loss(v.value - a) for v, a in self._pairs]
            others = before() if before is not None else 0.0
            return mu * tf.add_n(moved) + others

        return dataclasses.replace(tuning, penalty=penalty)

    def hold(self) -> None:
        """Takes the weights there are."""
        for each, anchor in self._pairs:
            anchor.assign(each.value)


def _random_states(model: keras.Model) -> Sequence[keras.Variable]:
    """The states of random numbers, which are no weights."""
    weights = set(map(id, model.weights))
    return [v for v in model.variables if id(v) not in weights]
