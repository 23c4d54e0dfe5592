"""MNIST: an MLP, a CNN, and the CNN with its convolutions frozen."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks import loops
from benchmarks.common import (
    KERAS,
    LOADER,
    OURS,
    SLICES,
    Outcome,
    Row,
    Work,
    keras,
    layers,
    nn,
    ours,
    tf,
    timed,
    torch,
)

PRODUCTS, CONVOLUTIONS = "matrix products alone", "convolutions alone"


def our_mlp(work: Work) -> Outcome:
    """Raw pixels: the model scales them."""
    sgd = {"optimizer": "sgd(momentum=0.9)", "learning_rate": 0.01}
    return ours.Run(work, backbone="mlp", **sgd).train()


def keras_mlp(work: Work) -> Outcome:
    """Pixels from 0 to 1."""
    keras.utils.set_random_seed(work.seed)
    hidden = [layers.Dense(units, activation="relu") for units in (128, 64)]
    head = layers.Dense(work.classes)
    inputs = keras.Input((28, 28, 1))
    model = keras.Sequential([inputs, layers.Flatten(), *hidden, head])
    sgd = keras.optimizers.SGD(0.01, momentum=0.9)
    return loops.fit(model, _scaled(work), work, sgd)


def torch_mlp(work: Work, loop: Any) -> Outcome:
    """Pixels from 0 to 1."""
    torch.manual_seed(work.seed)
    hidden = nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU()
    head = nn.Linear(64, work.classes)
    model = loops.initialized(nn.Sequential(nn.Flatten(), *hidden, head))
    sgd = partial(torch.optim.SGD, lr=0.01, momentum=0.9)
    return loop(model, _tensor(work), work, optimizer=sgd)


def matrix_products(work: Work) -> Outcome:
    """The matrix products of the MLP, and no more: a limit.

    Each layer has one forward, one for the gradient of its weights and, but
    for the first, one for the gradient of its input.
    """
    random, size = np.random.default_rng(work.seed), work.batch_size
    sizes = (784, 128), (128, 64), (64, 10)
    shapes = [(size, width, units) for width, units in sizes]
    shapes += [(width, size, units) for width, units in sizes]
    shapes += [(size, units, width) for width, units in sizes[1:]]
    products = []
    for a, b, c in shapes:
        three = (a, b), (b, c), (a, c)
        products.append([random.standard_normal(s, np.float32) for s in three])

    def epoch() -> None:
        for _ in range(len(work.inputs) // size):
            for left, right, out in products:
                np.matmul(left, right, out=out)

    return timed(work.epochs, epoch)


def our_cnn(work: Work) -> Outcome:
    """Raw pixels: the model scales them."""
    return ours.Run(work, backbone="cnn").train()


def our_frozen(work: Work) -> Outcome:
    """The CNN, frozen up to its last convolution."""
    return ours.Run(work, backbone="cnn", freeze="conv3").train_frozen()


def keras_cnn(work: Work, *, trainable: bool = True) -> Outcome:
    """Pixels from 0 to 1."""
    keras.utils.set_random_seed(work.seed)
    conv1, conv2, conv3 = (
        layers.Conv2D(filters, 3, activation="relu") for filters in (32, 64, 64)
    )
    pool1, pool2 = layers.MaxPooling2D(2), layers.MaxPooling2D(2)
    convolutions = [conv1, pool1, conv2, pool2, conv3, layers.Flatten()]
    body = keras.Sequential([keras.Input((28, 28, 1)), *convolutions])
    body.trainable = trainable
    head = [layers.Dense(64, activation="relu"), layers.Dense(work.classes)]
    return loops.fit(keras.Sequential([body, *head]), _scaled(work), work)


def torch_cnn(work: Work, loop: Any, *, trainable: bool = True) -> Outcome:
    """Pixels from 0 to 1."""
    torch.manual_seed(work.seed)
    body = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten()),
    )
    head = nn.Linear(576, 64), nn.ReLU(), nn.Linear(64, work.classes)
    model = loops.initialized(nn.Sequential(body, *head))
    body.requires_grad_(trainable)
    inputs = _tensor(work)
    if loop is loops.slices:
        model = model.to(memory_format=torch.channels_last)
        inputs = inputs.to(memory_format=torch.channels_last)
    return loop(model, inputs, work)


def convolutions(work: Work) -> Outcome:
    """The convolutions of the CNN, as `matrix_products`: a limit.

    The gradients of outputs are taken to be the outputs themselves.
    """
    by_filter = tf.raw_ops.Conv2DBackpropFilter
    by_input = tf.raw_ops.Conv2DBackpropInput
    pairs, options = [], {"strides": [1, 1, 1, 1], "padding": "VALID"}
    for side, width, count in ((28, 1, 32), (13, 32, 64), (5, 64, 64)):
        shapes = (work.batch_size, side, side, width), (3, 3, width, count)
        pairs.append([tf.random.normal(s, seed=work.seed) for s in shapes])

    def epoch() -> None:
        for _ in range(len(work.inputs) // work.batch_size):
            outputs = [tf.nn.conv2d(x, w, **options) for x, w in pairs]
            for i in (2, 1, 0):
                x, w = pairs[i]
                given = {"out_backprop": outputs[i], **options}
                by_filter(input=x, filter_sizes=w.shape, **given)
                if i:
                    by_input(input_sizes=x.shape, filter=w, **given)

    return timed(work.epochs, epoch)


def _scaled(work: Work) -> np.ndarray:
    return work.inputs.astype(np.float32) / 255.0


def _tensor(work: Work) -> Any:
    """float32 of shape (examples, channels, height, width)."""
    images = torch.from_numpy(work.inputs).permute(0, 3, 1, 2)
    return images.contiguous().float() / 255.0


ROWS = {
    "mlp": Row(
        *("MLP 784-128-64-10, SGD momentum 0.9", "images", 59_968, 3),
        {
            OURS: our_mlp,
            LOADER: partial(torch_mlp, loop=loops.loader),
            SLICES: partial(torch_mlp, loop=loops.slices),
            KERAS: keras_mlp,
            PRODUCTS: matrix_products,
        },
        {LOADER: 2.5, SLICES: 1.7, KERAS: 4.0, PRODUCTS: 0.5},
    ),
    "cnn": Row(
        *("CNN 32-64-64, Adam", "images", 12_800, 2),
        {
            OURS: our_cnn,
            LOADER: partial(torch_cnn, loop=loops.loader),
            SLICES: partial(torch_cnn, loop=loops.slices),
            KERAS: keras_cnn,
            CONVOLUTIONS: convolutions,
        },
        {LOADER: 2.0, SLICES: 2.0, KERAS: 2.0, CONVOLUTIONS: 0.65},
    ),
    "frozen": Row(
        "the same CNN, convolutions frozen, 10 epochs",
        *("images", 59_968, 10),
        {
            OURS: our_frozen,
            # a DataLoader, over half as slow again, takes minutes here
            SLICES: partial(torch_cnn, loop=loops.slices, trainable=False),
            KERAS: partial(keras_cnn, trainable=False),
        },
        {SLICES: 15.0, KERAS: 6.0},
        counts="whole",
        sampled=2,
    ),
}
