"""Trains a model as the settings of a run say."""

import collections
import dataclasses
import logging
import pathlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.batching import steps_per_epoch
from keras_ptft.experiment.accounts import open_ledger
from keras_ptft.experiment.frozen import Frozen
from keras_ptft.experiment.learning_rate import find_learning_rate
from keras_ptft.experiment.results import TrainingResult
from keras_ptft.experiment.run_files import CHECKPOINTS
from keras_ptft.experiment.showing import build_showing, log_balance
from keras_ptft.objectives import Objective
from keras_ptft.objectives.classification import balanced_weights
from keras_ptft.privacy.accounting import account_of_done
from keras_ptft.remote.mirrored import push
from keras_ptft.training.callbacks import Watchers
from keras_ptft.training.checkpointing.store import (
    Checkpoint,
    Checkpoints,
    Interval,
    parse_interval,
)
from keras_ptft.training.distribution.strategies import (
    MakeBatches,
    get_strategy,
)
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.execution.resident import choose_resident
from keras_ptft.training.execution.xla_autotune import autotune_xla
from keras_ptft.training.fit import (
    NOBODY,
    FitConfig,
    Session,
    training_batches,
)
from keras_ptft.training.optimizers import (
    make_optimizer,
    scale_learning_rates,
)
from keras_ptft.training.optimizers.averages import start_averages
from keras_ptft.training.optimizers.late import start_late
from keras_ptft.training.profiling import Profile, parse_profile_steps
from keras_ptft.training.range_test import RATES, RangeTest, range_test
from keras_ptft.training.teachers import average_teacher
from keras_ptft.training.training_model import TrainingModel
from keras_ptft.training.tuning import Tuning, whole

_LOG = logging.getLogger("keras_ptft")


def train(
    config: Config,
    model: keras.Model,
    objective: Objective,
    frozen: Frozen,
    *,
    folder: pathlib.Path | None = None,
    watchers: Watchers = NOBODY,
) -> TrainingResult:
    """Trains all of a model in place.

    Args:
        config: the settings.
        model: all of the network that is trained.
        objective: what it is trained for.
        frozen: the training and validation sources, and what runs before
            `model` at each step.
        folder: gets the history and the checkpoints, and may hold some to
            resume from; None: nothing is written.
        watchers: callbacks that watch the training.
    """
    sources, tuning = frozen.sources, frozen.before(whole(model))
    training = Training(config, objective, sources["train"], folder, watchers)
    return training.run(model, sources, tuning, range(config.epochs))


class Training:
    """A training, in one phase or several, that resumes where it stopped.

    Args:
        config: the settings.
        objective: what is trained for.
        source: the training split.
        folder: as in `train`.
        watchers: as in `train`.
    """

    def __init__(
        self,
        config: Config,
        objective: Objective,
        source: Source,
        folder: pathlib.Path | None,
        watchers: Watchers = NOBODY,
    ) -> None:
        self._config, self._objective = config, objective
        self._folder = folder
        self._range_test: RangeTest | None = None
        self._fit_config = build_fit_config(config, objective, source)
        strategy = get_strategy(config.strategy)
        self._ledger = open_ledger(
            config, examples=len(source), strategy=strategy, folder=folder
        )
        if self._ledger is not None:
            self._fit_config = self._ledger.drawn(
                self._fit_config, strategy.num_replicas_in_sync
            )
        self._steps = steps_per_epoch(source, self._fit_config.step_size)
        checkpoints = _checkpoints(config, folder) if folder else None
        self._start = checkpoints.latest() if checkpoints else None
        self._session = Session(
            self._fit_config,
            folder=folder,
            checkpoints=checkpoints,
            start=self._start,
            watchers=dataclasses.replace(
                watchers,
                watching=[*_profile(config, folder), *watchers.watching],
            ),
        )
        if self._start is not None:
            _LOG.info("Resuming after step %s.", f"{self._start.step:,}")
        self._optimizer: keras.optimizers.Optimizer | None = None
        self._seconds: collections.Counter[str] = collections.Counter()

    @property
    def epoch(self) -> int:
        """The epoch to train next; the last one if training has ended."""
        if self.ended:
            return (self._session.step - 1) // self._steps
        return self._session.step // max(self._steps, 1)

    @property
    def resumes(self) -> bool:
        """Whether it goes on from a checkpoint."""
        return self._start is not None

    @property
    def ended(self) -> bool:
        """Whether early stopping has ended the training."""
        return self._session.ended

    def run(
        self,
        model: keras.Model,
        sources: Mapping[str, Source],
        tuning: Tuning,
        epochs: range,
    ) -> TrainingResult:
        """Trains a model for what is left of some epochs, in place.

        Args:
            model: all of the network that is trained.
            sources: "train" and "validation"; the training split has the
                examples that the training was made with.
            tuning: which variables are trained, and how.
            epochs: of this phase.

        Returns:
            What the training has come to so far.
        """
        start = self._start
        if start is not None and start.step <= epochs.start * self._steps:
            # it was saved in an earlier phase, whose plan was another
            start = None
        if self._ledger is not None:
            clipping = self._ledger.clipping(self._fit_config.step_size)
            tuning = dataclasses.replace(tuning, clipping=clipping)
        with get_strategy(self._config.strategy).scope():
            training_model = self.training_model(
                model, sources["train"], tuning, len(epochs), start
            )
        _LOG.info("Plan: %s.", training_model.plan)
        if _teaches_itself(self._objective):
            _LOG.info(
                "The teacher is the average of the weights, of which a step "
                "leaves %g (--ema, or else momentum of the objective).",
                _decay(self._config, self._objective),
            )
        if self._fit_config.showing.balanced:
            log_balance(sources["train"])
        self._session.run(training_model, sources, epochs.stop)
        self._seconds.update(_step_seconds(training_model))
        return TrainingResult(
            plan=dataclasses.asdict(training_model.plan),
            history=self._session.rows,
            trained_parameters=tuning.size,
            steps=dict(self._seconds),
            resumed=self._start.resumed if self._start else [],
            range_test=self._range_test and self._range_test._asdict(),
            privacy=self._spent(),
        )

    def _spent(self) -> dict[str, Any] | None:
        """What a private training has spent so far."""
        if self._ledger is None:
            return None
        return account_of_done(self._ledger.account, self._session.step)

    def training_model(
        self,
        model: keras.Model,
        source: Source,
        tuning: Tuning,
        epochs: int,
        start: Checkpoint | None,
    ) -> TrainingModel:
        """Makes the training model, as fast as it is found to run.

        Args:
            model: as in `run`.
            source: the training split.
            tuning: as in `run`.
            epochs: how many it is for.
            start: where it goes on from, with the plan of then; None: it
                begins.
        """
        config, steps = self._config, self._steps
        strategy = get_strategy(config.strategy)
        plan = make_plan(
            strategy,
            model,
            batch_size=config.batch_size,
            steps_per_epoch=steps,
            obstacle=_obstacle(config, self._objective),
            jit_compile=config.jit_compile,
            steps_per_execution=config.steps_per_execution,
        )
        shown = self._objective, self._fit_config.showing
        changing = any(part.changes_inputs for part in shown)
        resident = choose_resident(config.resident, source, changing=changing)
        plan = dataclasses.replace(plan, resident=resident)
        if start is not None:
            plan = plan.as_before(start.facts["plan"])
        make = partial(
            _taught_model,
            model,
            self._objective,
            steps_per_epoch=steps,
            tuning=tuning,
            gradient_accumulation=config.gradient_accumulation,
        )
        batches = partial(
            training_batches, source, self._objective, self._fit_config
        )
        if self._optimizer is None:
            trial = partial(make, plan=plan.single_steps())
            self._find_learning_rate(trial, batches, tuning)
            self._optimizer = self._make_optimizer(self._config, tuning)
        make = partial(make, optimizer=self._optimizer)
        return make(
            plan=autotune_xla(plan, make, batches, total_steps=steps * epochs)
        )

    def _find_learning_rate(
        self,
        make: Callable[..., TrainingModel],
        batches: MakeBatches,
        tuning: Tuning,
    ) -> None:
        """Sets a learning rate where the settings leave it open."""

        def test() -> RangeTest:
            config = self._config.replace(
                learning_rate=float(RATES[0]), schedule="constant"
            )
            optimizer = self._make_optimizer(config, tuning)
            return range_test(make(optimizer=optimizer), batches)

        self._config, self._range_test = find_learning_rate(
            self._config, self._folder, test
        )

    def _make_optimizer(
        self, config: Config, tuning: Tuning
    ) -> keras.optimizers.Optimizer:
        return _optimizer(config, tuning, self._steps, self._objective)


def _taught_model(
    model: keras.Model,
    objective: Objective,
    *,
    optimizer: keras.optimizers.Optimizer,
    tuning: Tuning,
    **settings: Any,
) -> TrainingModel:
    """Makes the training model, with the teacher that its objective needs."""
    if _teaches_itself(objective):
        teacher = average_teacher(model, optimizer, tuning.variables)
        tuning = dataclasses.replace(tuning, teacher=teacher)
    return TrainingModel(
        model, objective, optimizer=optimizer, tuning=tuning, **settings
    )


def _obstacle(config: Config, objective: Objective) -> str:
    """Why XLA cannot be used, or nothing."""
    if config.deterministic:
        return "not every compiled operation is deterministic"
    several = get_strategy(config.strategy).num_replicas_in_sync > 1
    if objective.compares and several:
        return "replicas compare their examples with each other's"
    return ""


def _optimizer(
    config: Config,
    tuning: Tuning,
    steps_per_epoch: int,
    objective: Objective,
) -> keras.optimizers.Optimizer:
    optimizer = make_optimizer(
        config.optimizer,
        config.schedule,
        learning_rate=float(config.learning_rate),
        total_steps=steps_per_epoch * config.epochs,
        clip_norm=config.clip_norm,
        ema=_decay(config, objective),
    )
    moved = tuning.phase or tuning
    if moved.factors:
        scale_learning_rates(optimizer, moved.variables, moved.factors)
    if tuning.phase or _teaches_itself(objective):
        optimizer.build(moved.variables)
        start_averages(optimizer, moved.variables)
    if tuning.phase:
        begins = [epoch * steps_per_epoch for epoch in tuning.phase.begins]
        start_late(optimizer, moved.variables, begins)
    return optimizer


def _teaches_itself(objective: Objective) -> bool:
    """Whether the average of the weights is the teacher."""
    return objective.teacher == "average"


def _decay(config: Config, objective: Objective) -> float:
    """The decay a step of the average of the weights; 0: there is none."""
    return config.ema or objective.momentum


def _checkpoints(config: Config, folder: pathlib.Path) -> Checkpoints | None:
    interval = parse_interval(config.checkpoint_every)
    if interval == Interval():
        return None
    return Checkpoints(
        folder / CHECKPOINTS,
        keep=config.keep_checkpoints,
        interval=interval,
        on_write=partial(push, folder),
    )


def _profile(config: Config, folder: pathlib.Path | None) -> list[Profile]:
    steps = parse_profile_steps(config.profile_steps)
    return [Profile(folder, steps)] if folder and steps else []


def _step_seconds(training_model: TrainingModel) -> dict[str, float]:
    """Where the seconds of the steps went; logs it too."""
    seconds = dict(training_model.clock.seconds)
    waited = training_model.waited_seconds
    if waited is None:
        return seconds
    if seconds.get("steps"):
        fraction = waited / seconds["steps"]
        _LOG.info(
            "Steps waited for data %.0f %% of their time: %s-bound.",
            100 * fraction,
            "input" if fraction > 0.5 else "compute",
        )
    return seconds | {"waited": round(waited, 3)}


def build_fit_config(
    config: Config, objective: Objective, source: Source
) -> FitConfig:
    """Returns how examples are shown to a model.

    Args:
        config: the settings.
        objective: what the model is trained for.
        source: the training split.
    """
    weights = None
    if config.class_weight == "balanced":
        classes = len(objective.info.label_names)
        weights = balanced_weights(source.labels, classes)
    return FitConfig(
        batch_size=config.batch_size,
        gradient_accumulation=config.gradient_accumulation,
        epochs=config.epochs,
        seed=config.seed,
        showing=build_showing(config, objective),
        class_weights=weights,
        early_stopping_patience=config.early_stopping_patience,
    )
