"""The model as it is trained, whatever the objective and the strategy."""

import math

import keras
import tensorflow as tf

from keras_ptft.models.rematerialize import forward_of
from keras_ptft.objectives.objective import Objective
from keras_ptft.training.execution.plan import Plan
from keras_ptft.training.timer import Timer


class TrainingModel(keras.Model):
    """Wraps a functional model for training; what is saved is the model.

    Keras's own steps cannot run several at a time under several replicas,
    nor compile there, and their losses are off by the replicas or by the
    padding of a last batch. So the loop over steps and the sums over
    examples stand here, where every strategy takes the same path.

    A frozen prefix runs in inference outside the gradient's tape: its
    batch statistics and its dropout cannot move, whatever `fit` does.

    Args:
        model: from the prefix's output, or the raw input, to outputs.
        objective: gives the loss and the metrics.
        optimizer: updates `model`'s trainable variables.
        plan: how steps are executed.
        steps_per_epoch: steps after which metrics are read.
        prefix: frozen model before `model`, or None.
        gradient_accumulation: parts of a batch, computed one after the
            other, whose gradients are added up to one update.
    """

    def __init__(
        self,
        model: keras.Model,
        objective: Objective,
        *,
        optimizer: keras.optimizers.Optimizer,
        plan: Plan,
        steps_per_epoch: int,
        prefix: keras.Model | None = None,
        gradient_accumulation: int = 1,
    ) -> None:
        super().__init__(name="training_loop")
        self.model = model
        self.forward = forward_of(model)
        self.prefix = prefix
        self.objective = objective
        self.plan = plan
        self.steps_per_epoch = steps_per_epoch
        self.gradient_accumulation = gradient_accumulation
        self.evaluation_steps = 0
        self.mean_loss = keras.metrics.Mean("loss")
        self.scores = list(objective.metrics())
        self.step = _counter("step")
        self.evaluated = _counter("evaluated")
        self.failed_step = _counter("failed_step", -1)
        self.stop_requested = _counter("stop_requested")
        self.stopped = _counter("stopped")
        self.waited = _counter("waited", 0.0, tf.float64)
        self.clock = Timer()
        self.calls_done = 0
        optimizer.build(model.trainable_variables)
        self.built = True
        self.compile(
            optimizer=optimizer,
            jit_compile=False,
            steps_per_execution=plan.steps_per_execution,
        )
        if plan.jit_compile:
            self.gradients = tf.function(self.gradients, jit_compile=True)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.mean_loss, *self.scores]

    def reset_metrics(self) -> None:
        super().reset_metrics()
        self.evaluated.assign(0)

    def call(self, inputs, training=False):
        if self.prefix is not None:
            inputs = self.prefix(inputs, training=False)
        return self.model(inputs, training=training)

    def train_step(self, data: tuple) -> tf.Tensor:
        """One step on one replica's share of a batch.

        Returns:
            The share's part of the batch's loss, a scalar.
        """
        gradients, loss = self.backward(data)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return loss

    def backward(self, data: tuple) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients and loss of a replica's share, summed over its parts."""
        total, loss = None, 0.0
        for part in self._parts(data):
            # the activations of one part at a time
            with tf.control_dependencies(present(total or [])):
                inputs, targets, weights = part
                if self.prefix is not None:
                    inputs = self.prefix(inputs, training=False)
                found = self.gradients(inputs, targets, weights)
            gradients, outputs, losses = found
            total = _added(total, gradients)
            loss += tf.reduce_sum(losses * weights)
            self._observe(targets, outputs, losses, weights)
        return total, loss

    def gradients(self, inputs, targets, weights) -> tuple:
        """Gradients of a part's share of the loss; outputs and losses.

        The loss of a batch is the sum of its weighted losses over the
        number of its examples, so parts add up over accumulation and
        replicas.
        """
        parts = self.plan.replicas * self.gradient_accumulation
        examples = tf.cast(tf.shape(weights)[0] * parts, tf.float32)
        with tf.GradientTape() as tape:
            outputs = self.forward(inputs)
            losses = self.objective.loss(targets, outputs)
            loss = tf.reduce_sum(losses * weights) / examples
            loss += tf.add_n([0.0, *self.model.losses]) / parts
            loss = self.optimizer.scale_loss(loss)
        variables = [v.value for v in self.model.trainable_variables]
        gradients = tape.gradient(loss, variables)
        if self.plan.replicas > 1:
            # slices are exchanged in one shape for ever, and fail where a
            # batch of texts is longer than the one before it
            gradients = [_whole(gradient) for gradient in gradients]
        return gradients, outputs, losses

    def test_step(self, data: tuple) -> None:
        """Metrics of one replica's share of a batch."""
        inputs, targets, weights = data
        outputs = self(inputs, training=False)
        losses = self.objective.loss(targets, outputs)
        self._observe(targets, outputs, losses, weights)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None) -> None:
        """Nothing: all is built, and Keras's way fails on several workers."""

    def make_train_function(self, force: bool = False) -> None:
        if self.train_function is not None and not force:
            return

        # AutoGraph would take half a second to rewrite all that is called
        @tf.function(autograph=False)
        def train_function(iterator):
            left = self.steps_per_epoch - self.step % self.steps_per_epoch
            last = self.step + self._steps_a_call(left)

            def going(stopped):
                going_on = (self.failed_step < 0) & (stopped == 0)
                return (self.step < last) & going_on

            def body(_):
                strategy, batch = self.distribute_strategy, self._next(iterator)
                parts = strategy.run(self._watched_step, args=(batch,))
                total = strategy.reduce("SUM", parts, axis=None)
                loss, asked = tf.unstack(total)
                passed = tf.constant(-1, tf.int64)
                failed = tf.where(tf.math.is_finite(loss), passed, self.step)
                self.failed_step.assign(failed)
                self.step.assign_add(1)
                return (asked,)

            (asked,) = tf.while_loop(going, body, (0.0,))
            self.stopped.assign(tf.cast(asked, tf.int64))
            return self.get_metrics_result()

        def call(iterator):
            # what was done of an epoch before it was interrupted
            if self.calls_done:
                self.calls_done -= 1
                return self.get_metrics_result()
            if "trace" not in self.clock.seconds:
                with self.clock("trace"):
                    train_function.get_concrete_function(iterator)
            with self.clock("steps"):
                return train_function(iterator)

        self.train_function = call

    def _next(self, iterator) -> tf.Tensor:
        """The next batch; the seconds until it is there are added up."""
        asked = tf.timestamp()
        with tf.control_dependencies([asked]):
            batch = next(iterator)
        local = self.distribute_strategy.experimental_local_results
        parts = [part for x in tf.nest.flatten(batch) for part in local(x)]
        with tf.control_dependencies(parts):
            self.waited.assign_add(tf.timestamp() - asked)
        return batch

    def request_stop(self) -> None:
        """Makes every worker stop after its next step; from any thread."""
        with self.distribute_strategy.scope():
            self.stop_requested.assign(1)

    def skip_to(self, step: int) -> None:
        """Makes the next epoch go on after a step that lies inside of it."""
        size = self.plan.steps_per_execution
        left = self.steps_per_epoch - step % self.steps_per_epoch
        calls = math.ceil(self.steps_per_epoch / size)
        self.calls_done = calls - math.ceil(left / size)

    def _watched_step(self, data: tuple) -> tf.Tensor:
        """A step's part of the loss, and whether this worker is to stop.

        Both are summed over the replicas, so all stop after the same step.
        """
        loss = self.train_step(data)
        return tf.stack([loss, tf.cast(self.stop_requested, tf.float32)])

    def make_test_function(self, force: bool = False) -> None:
        if self.test_function is not None and not force:
            return

        @tf.function(autograph=False)
        def test_function(iterator):
            left = self.evaluation_steps - self.evaluated
            last = self.evaluated + self._steps_a_call(left)

            def body(number):
                batch = next(iterator)
                self.distribute_strategy.run(self.test_step, args=(batch,))
                self.evaluated.assign_add(1)
                return (number + 1,)

            tf.while_loop(lambda _: self.evaluated < last, body, (0,))
            return self.get_metrics_result()

        self.test_function = test_function

    def _parts(self, data: tuple) -> list[tuple]:
        count = self.gradient_accumulation
        if count == 1:
            return [data]
        split = [tf.split(tensor, count) for tensor in tf.nest.flatten(data)]
        return [
            tf.nest.pack_sequence_as(data, tensors)
            for tensors in zip(*split, strict=True)
        ]

    def _steps_a_call(self, left: tf.Tensor) -> tf.Tensor:
        return tf.minimum(
            tf.cast(self.plan.steps_per_execution, left.dtype), left
        )

    def _observe(self, targets, outputs, losses, weights) -> None:
        self.mean_loss.update_state(losses, sample_weight=weights)
        for score in self.scores:
            score.update_state(targets, outputs, sample_weight=weights)


def present(gradients: list) -> list[tf.Tensor]:
    """Those of some gradients that there are: unused variables have None."""
    return [gradient for gradient in gradients if gradient is not None]


def _whole(gradient) -> tf.Tensor | None:
    """A gradient in which slices became a tensor, None where there is none."""
    return None if gradient is None else tf.convert_to_tensor(gradient)


def _added(total: list | None, gradients: list) -> list:
    """Sums of gradients, None for a variable that the loss does not use."""
    if total is None:
        return gradients
    return [
        None if old is None else tf.add(old, new)
        for old, new in zip(total, gradients, strict=True)
    ]


def _counter(name: str, value: float = 0, dtype=tf.int64) -> tf.Variable:
    return tf.Variable(value, trainable=False, dtype=dtype, name=name)
