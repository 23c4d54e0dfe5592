"""The model as it is trained, whatever the objective and the strategy."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias, cast

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.rows import HOST, rows_on
from keras_ptft.data.pipeline.batching import BatchAt, Chosen
from keras_ptft.models.rematerialize import forward_of
from keras_ptft.training.execution.plan import Plan
from keras_ptft.training.gradients import Learner, mean_or_private
from keras_ptft.training.optimizers.averages import averages_of, constrain
from keras_ptft.training.timer import Timer
from keras_ptft.training.tuning import Teacher, Tuning, whole

Tensors: TypeAlias = tf.Tensor | Mapping[str, tf.Tensor]
"""One tensor, or several by name; the first axis is the example."""

Batch: TypeAlias = tuple[Tensors, Tensors, tf.Tensor]
"""Inputs, targets and weights; weights are float32 of shape (batch,)."""

Gradients: TypeAlias = list[tf.Tensor | None]
"""One gradient a variable; None where the loss does not depend on it."""


class Trainable(Protocol):
    """What training needs of an objective."""

    def transform(
        self, inputs: Tensors, labels: tf.Tensor, seeds: tf.Tensor, /
    ) -> Batch:
        """Makes a batch of examples, by TensorFlow operations.

        Args:
            inputs: of a batch, as the source gives them.
            labels: of a batch; the first axis is the example.
            seeds: int64 of shape (batch, 3): seed, epoch, example index.
        """
        ...

    def run(self, model: Callable[[Any], Any], inputs: Tensors, /) -> Tensors:
        """Runs a model on the inputs that `transform` made."""
        ...

    def seen_by_teacher(self, inputs: Tensors, /) -> Tensors:
        """Returns the part of the inputs that a teacher answers for."""
        ...

    def taught(self, targets: Tensors, taught: Tensors, /) -> Tensors:
        """Adds to the targets of a batch what a teacher answers."""
        ...

    def self_taught(self, targets: Tensors, outputs: Tensors, /) -> Tensors:
        """Adds to the targets what a model answers that has no teacher."""
        ...

    def loss(self, targets: Tensors, outputs: Tensors, /) -> tf.Tensor:
        """Computes the loss of each example, float32 of shape (batch,)."""
        ...

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes metrics that are updated with (targets, outputs, weights)."""
        ...


class TrainingModel(keras.Model):
    """Wraps a functional model for training; only that model is saved.

    Under several replicas Keras cannot run several steps a call, nor compile
    them, and its losses are off by the number of replicas or by the padding
    of the last batch. So the loop over steps and the sums over examples are
    here, the same for every strategy.

    Where the plan has rows on the device, `batch_at` is set and makes the
    batch of each step; nothing is read from the iterator then.

    A frozen prefix runs in inference, outside the gradient tape: training
    cannot change its batch statistics, and its dropout is off. A teacher
    answers outside the tape too, for what the prefix gives, or for the same
    inputs if it is frozen.

    Args:
        model: from the prefix's outputs, or the raw inputs, to outputs.
        trainable: gives the loss and the metrics; kept as `objective`,
            since `trainable` is a flag of every Keras model.
        optimizer: updates the variables of `tuning`.
        plan: how steps are executed.
        steps_per_epoch: steps after which metrics are read.
        tuning: what is trained, the prefix and the teacher; None: all of
            `model`.
        gradient_accumulation: parts of a batch, computed one after the
            other, whose gradients are added up to one update.
    """

    train_function: Callable[[Any], dict[str, tf.Tensor]] | None
    test_function: Callable[[Any], dict[str, tf.Tensor]] | None

    def __init__(
        self,
        model: keras.Model,
        trainable: Trainable,
        *,
        optimizer: keras.optimizers.Optimizer,
        plan: Plan,
        steps_per_epoch: int,
        tuning: Tuning | None = None,
        gradient_accumulation: int = 1,
    ) -> None:
        super().__init__(name="training_model")
        self.model = model
        self.forward = forward_of(model)
        self.tuning = tuning or whole(model)
        self.prefix = self.tuning.prefix
        phase = self.tuning.phase
        self.state_model = phase.model if phase else model
        self.objective = trainable
        self.plan = plan
        self._epoch_steps = _counter("epoch_steps", steps_per_epoch)
        self.steps_per_epoch = steps_per_epoch
        self.gradient_accumulation = gradient_accumulation
        self.teacher = self.tuning.teacher
        self.evaluation_steps = 0
        self.batch_at: BatchAt | None = None
        self.mean_loss = keras.metrics.Mean("loss")
        self.scores = list(trainable.metrics())
        self.step = _counter("step")
        self.evaluated = _counter("evaluated")
        self.failed_step = _counter("failed_step", -1)
        self.stop_requested = _counter("stop_requested")
        self.stopped = _counter("stopped")
        self._waited = _counter("waited", 0.0, tf.float64)
        self.clock = Timer()
        # a TPU works while its host waits
        unseen = plan.resident or plan.on_tpu
        self._measures_waiting = not unseen and _may_read_clock()
        self._calls_to_skip = 0
        self._rule = mean_or_private(
            Learner(
                model=model,
                forward=self.forward,
                objective=trainable,
                tuning=self.tuning,
                replicas=plan.replicas,
                accumulation=gradient_accumulation,
                scale_loss=optimizer.scale_loss,
            )
        )
        self._gradients = self.gradients
        if plan.compiles_pass:
            self._gradients = tf.function(self.gradients, jit_compile=True)
        optimizer.build(phase.variables if phase else self.tuning.variables)
        self.built = True
        self.compile(
            optimizer=optimizer,
            jit_compile=False,
            steps_per_execution=plan.steps_per_execution,
        )

    @property
    def steps_per_epoch(self) -> int:
        """How long an epoch is; another value traces no step again."""
        return self._steps_per_epoch

    @steps_per_epoch.setter
    def steps_per_epoch(self, steps: int) -> None:
        self._steps_per_epoch = steps
        with self.distribute_strategy.scope():
            self._epoch_steps.assign(steps)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.mean_loss, *self.scores]

    def reset_metrics(self) -> None:
        super().reset_metrics()
        self.evaluated.assign(0)

    @property
    def trainable_weights(self) -> Sequence[keras.Variable]:
        """What `fit` leaves averages in at the end: all that is trained.

        The next phase of a training needs the latest values.
        """
        phase = self.tuning.phase
        return self.tuning.variables if not phase or phase.is_last else ()

    def get_weights(self) -> list[np.ndarray]:
        """Returns the weights of the whole training, in any phase."""
        return self.state_model.get_weights()

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Restores what `get_weights` returned, maybe in another phase."""
        self.state_model.set_weights(weights)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Holds the averages of trained weights, where they are kept.

        Afterwards the weights are the latest again, to the bit.
        """
        averages = averages_of(self.optimizer, self.tuning.variables)
        variables = self.tuning.variables if averages else ()
        latest = [tf.identity(variable.value) for variable in variables]
        for variable, average in zip(variables, averages, strict=True):
            variable.assign(average)
        constrain(variables)
        try:
            yield
        finally:
            for variable, value in zip(variables, latest, strict=True):
                variable.assign(value)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        with self.averaged():
            return super().evaluate(*args, **kwargs)

    @property
    def waited_seconds(self) -> float | None:
        """Seconds that steps waited for data; None where none was measured.

        That is under op determinism, on a TPU, and where no data come from
        outside.
        """
        return float(self._waited.numpy()) if self._measures_waiting else None

    def train_step(self, data: Batch) -> tf.Tensor:
        """Trains on a replica's part of a batch; returns the part's loss."""
        gradients, loss = self.backward(data)
        self.optimizer.apply(gradients, self.tuning.variables)
        return loss

    def backward(self, data: Batch) -> tuple[Gradients, tf.Tensor]:
        """Computes gradients and loss of one replica's part of a batch."""
        total: Gradients = []
        loss = tf.zeros(())
        for part in self._accumulated_parts(data):
            # the activations of one part at a time
            with tf.control_dependencies(present(total)):
                inputs, targets, weights = self.through_frozen(part)
                found = self._gradients(inputs, targets, weights)
            gradients, targets, outputs, losses = found
            total = _added(total, gradients) if total else gradients
            loss += tf.reduce_sum(losses * weights)
            self._update_metrics(targets, outputs, losses, weights)
        return self._rule.finished(total, self.step), loss

    def gradients(
        self, inputs: Tensors, targets: Tensors, weights: tf.Tensor
    ) -> tuple[Gradients, Tensors, Tensors, tf.Tensor]:
        """Computes gradients of a part's contribution to the loss.

        Contributions add up over accumulated parts and replicas.

        Returns:
            Gradients, targets with what a teacher answers, outputs, and
            unweighted losses of shape (batch,).
        """
        targets = self.taught(inputs, targets, training=True)
        gradients, outputs, losses = self._rule(inputs, targets, weights)
        if self.plan.replicas > 1:
            # replicas exchange slices in the shape of the first batch, which
            # fails when a later batch of texts is longer
            gradients = [
                None if g is None else tf.convert_to_tensor(g)
                for g in gradients
            ]
        return gradients, targets, outputs, losses

    def taught(
        self, inputs: Tensors, targets: Tensors, *, training: bool
    ) -> Tensors:
        """Adds what the teacher answers, if there is one, to the targets.

        Args:
            inputs: of a batch, after the frozen prefix.
            targets: of the batch.
            training: whether it answers as in training.
        """
        return self._answered(self.teacher, inputs, targets, training=training)

    def _answered(
        self,
        teacher: Teacher | None,
        inputs: Tensors,
        targets: Tensors,
        *,
        training: bool,
    ) -> Tensors:
        if teacher is None:
            return targets
        answer = partial(teacher, training=training)
        seen = self.objective.seen_by_teacher(inputs)
        answers = self.objective.run(answer, seen)
        targets = self.objective.taught(targets, answers)
        return tf.nest.map_structure(tf.stop_gradient, targets)

    def test_step(self, data: Batch) -> None:
        """Updates the metrics with one replica's part of a batch."""
        inputs, targets, weights = self.through_frozen(data)
        model = partial(self.model, training=False)
        targets = self.taught(inputs, targets, training=False)
        outputs = self.objective.run(model, inputs)
        losses = self.objective.loss(targets, outputs)
        self._update_metrics(targets, outputs, losses, weights)

    def through_frozen(self, data: Batch) -> Batch:
        """Runs what is frozen, a teacher and a prefix, on a batch."""
        inputs, targets, weights = data
        teacher = self.tuning.frozen_teacher
        targets = self._answered(teacher, inputs, targets, training=False)
        if self.prefix is not None:
            prefix = partial(self.prefix, training=False)
            inputs = self.objective.run(prefix, inputs)
        return inputs, targets, weights

    def _maybe_symbolic_build(
        self, iterator: Any = None, data_batch: Any = None
    ) -> None:
        """Does nothing: all is built, and Keras's way fails with workers."""

    def make_train_function(self, force: bool = False) -> None:
        if self.train_function is not None and not force:
            return
        # AutoGraph would take half a second to rewrite everything called
        train_function = tf.function(self._train_steps, autograph=False)

        def call(iterator: Iterator[Any]) -> dict[str, tf.Tensor]:
            if self._calls_to_skip:
                self._calls_to_skip -= 1
                return self.get_metrics_result()
            if "trace" not in self.clock.seconds:
                with self.clock("trace"):
                    train_function.get_concrete_function(iterator)
            with self.clock("steps"):
                return train_function(iterator)

        self.train_function = call

    def _train_steps(self, iterator: Iterator[Any]) -> dict[str, tf.Tensor]:
        """Trains until the call or the epoch ends, or the training stops."""
        left = self._epoch_steps - self.step % self._epoch_steps
        last = self.step + self._steps_per_call(left)

        def unfinished(stopping: tf.Tensor) -> tf.Tensor:
            healthy = (self.failed_step < 0) & (stopping == 0)
            return (self.step < last) & healthy

        def body(_: tf.Tensor) -> tuple[tf.Tensor]:
            strategy = self.distribute_strategy
            if self.batch_at is not None:
                with tf.device(HOST):
                    chosen = self.batch_at.choose(self.step)
                parts = strategy.run(self.resident_step, args=(chosen,))
            else:
                batch = self._next(iterator)
                parts = strategy.run(self.replica_step, args=(batch,))
            total = strategy.reduce("SUM", parts, axis=None)
            loss, stopping = tf.unstack(total)
            passed = tf.constant(-1, tf.int64)
            failed = tf.where(tf.math.is_finite(loss), passed, self.step)
            self.failed_step.assign(failed)
            self.step.assign_add(1)
            return (stopping,)

        (stopping,) = tf.while_loop(unfinished, body, (0.0,))
        self.stopped.assign(tf.cast(stopping, tf.int64))
        return self.get_metrics_result()

    def replica_step(self, data: Batch) -> tf.Tensor:
        """Trains one step; returns its loss and whether to stop, shape (2,).

        Both are summed over replicas, so all stop after the same step.
        """
        loss = self.train_step(data)
        return tf.stack([loss, tf.cast(self.stop_requested, tf.float32)])

    def resident_step(self, chosen: Chosen) -> tf.Tensor:
        """As `replica_step`, on examples that the replica gathers itself."""
        context = tf.distribute.get_replica_context()
        with rows_on(self._place()):
            make = cast(BatchAt, self.batch_at).make
            batch = make(chosen, context.replica_id_in_sync_group)
        return self.replica_step(batch)

    def hold_rows(self) -> None:
        """Puts the rows on a TPU before the step is traced.

        That could not make variables, and a TPU is sent all others at each
        step.
        """
        with self.distribute_strategy.scope(), rows_on(self._place()):
            cast(BatchAt, self.batch_at)(tf.constant(0, tf.int64), 0)

    def _place(self) -> str | tf.distribute.Strategy:
        """Where a replica gathers rows."""
        if self.plan.on_tpu:
            return self.distribute_strategy
        return self.tuning.variables[0].value.device

    def _next(self, iterator: Iterator[Any]) -> Any:
        """Returns the next batch, and measures how long it takes to come."""
        if not self._measures_waiting:
            return next(iterator)
        start = tf.timestamp()
        with tf.control_dependencies([start]):
            batch = next(iterator)
        local = self.distribute_strategy.experimental_local_results
        parts = [part for x in tf.nest.flatten(batch) for part in local(x)]
        with tf.control_dependencies(parts):
            self._waited.assign_add(tf.timestamp() - start)
        return batch

    def request_stop(self) -> None:
        """Makes every worker stop after its next step; from any thread."""
        with self.distribute_strategy.scope():
            self.stop_requested.assign(1)

    def skip_to(self, step: int) -> None:
        """Makes the next epoch start after `step`, which lies within it."""
        size = self.plan.steps_per_execution
        left = self.steps_per_epoch - step % self.steps_per_epoch
        calls = math.ceil(self.steps_per_epoch / size)
        self._calls_to_skip = calls - math.ceil(left / size)

    def make_test_function(self, force: bool = False) -> None:
        if self.test_function is None or force:
            self.test_function = tf.function(self._test_steps, autograph=False)

    def _test_steps(self, iterator: Iterator[Any]) -> dict[str, tf.Tensor]:
        last = self.evaluated + self._steps_per_call(
            self.evaluation_steps - self.evaluated
        )

        def body(number: tf.Tensor) -> tuple[tf.Tensor]:
            batch = next(iterator)
            self.distribute_strategy.run(self.test_step, args=(batch,))
            self.evaluated.assign_add(1)
            return (number + 1,)

        tf.while_loop(lambda _: self.evaluated < last, body, (0,))
        return self.get_metrics_result()

    def _accumulated_parts(self, data: Batch) -> list[Batch]:
        count = self.gradient_accumulation
        if count == 1:
            return [data]
        split = [tf.split(tensor, count) for tensor in tf.nest.flatten(data)]
        return [
            tf.nest.pack_sequence_as(data, tensors)
            for tensors in zip(*split, strict=True)
        ]

    def _steps_per_call(self, left: tf.Tensor) -> tf.Tensor:
        most = tf.cast(self.plan.steps_per_execution, left.dtype)
        return tf.minimum(most, left)

    def _update_metrics(
        self,
        targets: Tensors,
        outputs: Tensors,
        losses: tf.Tensor,
        weights: tf.Tensor,
    ) -> None:
        self.mean_loss.update_state(losses, sample_weight=weights)
        for score in self.scores:
            score.update_state(targets, outputs, sample_weight=weights)


def present(gradients: Gradients) -> list[tf.Tensor]:
    """Returns the gradients that are not None."""
    return [gradient for gradient in gradients if gradient is not None]


def _added(total: Gradients, gradients: Gradients) -> Gradients:
    return [
        None if old is None else tf.add(old, new)
        for old, new in zip(total, gradients, strict=True)
    ]


def _counter(
    name: str, value: float = 0, dtype: tf.DType = tf.int64
) -> tf.Variable:
    return tf.Variable(value, trainable=False, dtype=dtype, name=name)


def _may_read_clock() -> bool:
    """Whether graphs may read the time: not under op determinism.

    TensorFlow has no public function that says whether it is enabled.
    """
    try:
        tf.timestamp()
    except tf.errors.FailedPreconditionError:
        return False
    return True
