"""How users of Keras and of PyTorch train a model, each in a few lines."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.common import Outcome, Work, keras, nn, timed, torch


def fit(
    model: Any, inputs: Any, work: Work, optimizer: Any = "adam"
) -> Outcome:
    """Trains a Keras model on arrays or a `tf.data.Dataset` by `fit`.

    Args:
        model: gives logits.
        inputs: an array, whose labels are those of the work or, where
            it is a pair, its second part; or batches of both.
        work: says how many epochs.
        optimizer: as `compile` takes it.
    """
    times = [time.perf_counter()]
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: times.append(time.perf_counter()),
        on_epoch_end=lambda *_: times.append(time.perf_counter()),
    )
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, cross_entropy, metrics=["accuracy"])
    # verbose 2, a line an epoch, costs less than the bar that is the default
    settings = {"epochs": work.epochs, "verbose": 2, "callbacks": [clock]}
    if isinstance(inputs, np.ndarray):
        inputs = inputs, work.labels
    if isinstance(inputs, tuple):
        settings |= {"x": inputs[0], "y": inputs[1]}
        settings["batch_size"] = work.batch_size
    else:
        # batches come shuffled
        settings |= {"x": inputs, "shuffle": False}
    history = model.fit(**settings).history
    total = time.perf_counter() - times[0]
    seconds = np.subtract(times[2::2], times[1::2]).tolist()
    return Outcome(seconds, history["loss"], total, model.count_params())


def loader(model: Any, inputs: Any, work: Work, **options: Any) -> Outcome:
    """Trains a PyTorch model as its users do, by a DataLoader of tensors.

    Args:
        model: gives logits.
        inputs: a tensor, whose labels are those of the work or, where it is
            a pair, its second part.
        work: says how many epochs.
        options: `optimizer`, as `epochs_of` takes it.
    """
    data = torch.utils.data
    examples = data.TensorDataset(*_pair(inputs, work))
    sizes = {"batch_size": work.batch_size, "shuffle": True}
    batches = data.DataLoader(examples, **sizes)
    return epochs_of(model, lambda: batches, work, **options)


def slices(model: Any, inputs: Any, work: Work, **options: Any) -> Outcome:
    """The same as its experts do: permuted slices, a fused optimizer."""
    tensors = _pair(inputs, work)

    def batches() -> Iterator:
        order = torch.randperm(len(tensors[0]))
        for chosen in order.split(work.batch_size):
            yield tuple(tensor[chosen] for tensor in tensors)

    return epochs_of(model, batches, work, fused=True, **options)


def epochs_of(
    model: Any,
    batches: Callable,
    work: Work,
    optimizer: Any = None,
    *,
    fused: bool = False,
) -> Outcome:
    """Trains a PyTorch model on batches of inputs and labels.

    Args:
        model: gives logits, their classes last.
        batches: returns those of an epoch.
        work: says how many epochs.
        optimizer: makes one of parameters; None: Adam.
        fused: as the optimizer takes it.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    steps = (optimizer or torch.optim.Adam)(trained, fused=fused)
    loss_of = nn.CrossEntropyLoss()

    def epoch() -> float:
        losses = []
        for x, y in batches():
            steps.zero_grad()
            loss = loss_of(model(x).flatten(0, -2), y.flatten())
            loss.backward()
            steps.step()
            losses.append(loss.item())
        return float(np.mean(losses))

    outcome = timed(work.epochs, epoch)
    outcome.parameters = sum(p.numel() for p in model.parameters())
    return outcome


def initialized(model: Any, draw: Callable | None = None) -> Any:
    """Returns a PyTorch model with weights as Keras draws them.

    Args:
        model: is changed.
        draw: fills a kernel; None: Glorot's uniform distribution.
    """
    for name, parameter in model.named_parameters():
        if "bias" in name:
            nn.init.zeros_(parameter)
        elif parameter.dim() > 1 and "embedding" not in name:
            (draw or nn.init.xavier_uniform_)(parameter)
    return model


def normal(deviation: float) -> Callable:
    """Returns what fills a parameter of PyTorch with normal numbers."""
    return partial(nn.init.normal_, std=deviation)


def _pair(inputs: Any, work: Work) -> tuple:
    if isinstance(inputs, tuple):
        return inputs
    return inputs, torch.from_numpy(work.labels)
