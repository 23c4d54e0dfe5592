"""What the processor could do: the convolutions of a training alone."""

import numpy as np
import tensorflow as tf

from benchmarks.work import BATCH_SIZE, Outcome, Watch, Work

# side and channels of each one's input, and its filters
_SIZES = ((28, 1, 32), (13, 32, 64), (5, 64, 64))
_KERNEL = 3
_OPTIONS = {"strides": [1, 1, 1, 1], "padding": "VALID"}

Tensors = list[tf.Tensor]


def cnn(work: Work) -> Outcome:
    """The convolutions of the CNN's forward and backward pass, and no more.

    Each has one forward, one for the gradient of its filters and, but for
    the first, one for the gradient of its input.
    """
    random = np.random.default_rng(work.seed)

    def drawn(*shape):
        return tf.constant(random.standard_normal(shape, np.float32))

    images, filters = [], []
    for side, channels, count in _SIZES:
        images.append(drawn(BATCH_SIZE, side, side, channels))
        filters.append(drawn(_KERNEL, _KERNEL, channels, count) / 100.0)
    run = tf.function(_steps, autograph=False)
    steps = tf.constant(len(work.inputs) // BATCH_SIZE)
    outcome, whole = Outcome(), Watch()
    for _ in range(work.epochs):
        epoch = Watch()
        run(images, filters, steps).numpy()
        outcome.seconds.append(epoch.seconds())
    outcome.total = whole.seconds()
    return outcome


def _steps(images: Tensors, filters: Tensors, steps: tf.Tensor) -> tf.Tensor:
    """Does some steps; gives a number that depends on all of them.

    A step's filters come from the step before, and its gradients from its
    outputs: nothing of it can be computed once for all steps, or left out.
    """

    def step(number, filters, kept):
        outputs = _forward(images, filters)
        changes, backs = _backward(images, filters, outputs)
        pairs = zip(filters, changes, strict=True)
        changed = [w - 1e-9 * change for w, change in pairs]
        return number + 1, changed, kept + sum(b[0, 0, 0, 0] for b in backs)

    start = (tf.constant(0), filters, tf.constant(0.0))
    _, filters, kept = tf.while_loop(lambda n, *_: n < steps, step, start)
    return kept + sum(w[0, 0, 0, 0] for w in filters)


def _forward(images: Tensors, filters: Tensors) -> Tensors:
    outputs = []
    for x, w in zip(images, filters, strict=True):
        # each waits for the one before, as layers do
        with tf.control_dependencies(outputs[-1:]):
            outputs.append(tf.nn.conv2d(x, w, **_OPTIONS))
    return outputs


def _backward(
    images: Tensors, filters: Tensors, outputs: Tensors
) -> tuple[Tensors, Tensors]:
    """Gradients of the filters and of all inputs but the first.

    Those of the outputs are taken to be the outputs themselves.
    """
    changes, backs = [], []
    for i in reversed(range(len(images))):
        x, w, y = images[i], filters[i], outputs[i]
        with tf.control_dependencies(backs[-1:] or outputs[-1:]):
            changes.insert(0, _filter_gradient(x, w, y))
            if i:
                backs.append(_input_gradient(x, w, y))
    return changes, backs


def _filter_gradient(x: tf.Tensor, w: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x, filter_sizes=w.shape, out_backprop=y, **_OPTIONS
    )


def _input_gradient(x: tf.Tensor, w: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.Conv2DBackpropInput(
        input_sizes=x.shape, filter=w, out_backprop=y, **_OPTIONS
    )
