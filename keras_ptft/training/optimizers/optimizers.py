"""Optimizers by name."""

from collections.abc import Callable

import keras

from keras_ptft.errors import check_range
from keras_ptft.registry import lookup
from keras_ptft.training.optimizers import fused_kernels
from keras_ptft.training.optimizers.schedules import LearningRate, make_schedule


def sgd(
    learning_rate: LearningRate,
    /,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> keras.optimizers.Optimizer:
    """Stochastic gradient descent (Sutskever et al. 2013 for momentum).

    Args:
        momentum: fraction of the last step that is repeated, below 1.
        nesterov: look ahead by the momentum first.
    """
    check_range("momentum", momentum, 0.0, 1.0)
    return fused_kernels.SGD(
        learning_rate, momentum=momentum, nesterov=nesterov
    )


def adam(
    learning_rate: LearningRate,
    /,
    *,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> keras.optimizers.Optimizer:
    """Adam (Kingma and Ba 2015).

    Args:
        beta_1: decay of the gradients' mean.
        beta_2: decay of the gradients' squares.
        epsilon: added to the denominator.
    """
    _check_moments(beta_1, beta_2, epsilon)
    return fused_kernels.Adam(
        learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon
    )


def adamw(
    learning_rate: LearningRate,
    /,
    *,
    weight_decay: float = 0.004,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> keras.optimizers.Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019).

    Biases and the scales of normalisation layers do not decay.

    Args:
        weight_decay: fraction of a weight taken off, times the learning rate.
        beta_1: decay of the gradients' mean.
        beta_2: decay of the gradients' squares.
        epsilon: added to the denominator.
    """
    check_range("weight_decay", weight_decay, 0.0)
    _check_moments(beta_1, beta_2, epsilon)
    optimizer = fused_kernels.AdamW(
        learning_rate,
        weight_decay=weight_decay,
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adamw,
}


def make_optimizer(
    optimizer: str,
    schedule: str,
    *,
    learning_rate: float,
    total_steps: int,
    clip_norm: float = 0.0,
) -> keras.optimizers.Optimizer:
    """Makes an optimizer that follows a schedule, both written as calls.

    Args:
        optimizer: an entry of OPTIMIZERS.
        schedule: an entry of SCHEDULES.
        learning_rate: the highest one.
        total_steps: steps of the whole training.
        clip_norm: largest global norm of the gradients; 0: no limit.

    Returns:
        The optimizer; under the policy mixed_float16 it scales the loss.

    Raises:
        UserError: an unknown entry, or a setting out of its range.

    Example:

    >>> adam = make_optimizer(
    ...     "adam", "cosine", learning_rate=0.01, total_steps=100
    ... )
    >>> round(float(adam.learning_rate), 4)
    0.01
    """
    rate = make_schedule(schedule, learning_rate, total_steps)
    made = lookup(OPTIMIZERS, optimizer, "optimizer")(rate)
    made.global_clipnorm = clip_norm or None
    if keras.config.dtype_policy().name == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(made)
    return made


def _check_moments(beta_1: float, beta_2: float, epsilon: float) -> None:
    check_range("beta_1", beta_1, 0.0, 1.0)
    check_range("beta_2", beta_2, 0.0, 1.0)
    check_range("epsilon", epsilon, 0.0)
