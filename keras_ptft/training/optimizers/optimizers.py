"""Optimizers by name."""

from collections.abc import Callable

import keras

from keras_ptft.errors import UserError, check_range
from keras_ptft.registry import lookup
from keras_ptft.training.optimizers import fused_kernels
from keras_ptft.training.optimizers.clipping import clip_sum
from keras_ptft.training.optimizers.schedule_free import ScheduleFreeAdamW
from keras_ptft.training.optimizers.schedules import (
    LearningRate,
    make_schedule,
)


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
    return _sparing(optimizer)


def lion(
    learning_rate: LearningRate,
    /,
    *,
    weight_decay: float = 0.04,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
) -> keras.optimizers.Optimizer:
    """Lion (Chen et al. 2023): steps by the sign of the momentum.

    "Symbolic Discovery of Optimization Algorithms". Every weight moves by
    the learning rate, which suits at a third to a tenth of Adam's, with a
    weight decay as many times as large. Half of Adam's memory. Biases and
    the scales of normalisation layers do not decay.

    Args:
        weight_decay: fraction of a weight taken off, times the learning rate.
        beta_1: share of the mean in what the sign is taken of.
        beta_2: decay of the gradients' mean.
    """
    check_range("weight_decay", weight_decay, 0.0)
    # without the mean it would be the sign of the gradient
    check_range("beta_1", beta_1, 1e-6, 1.0)
    check_range("beta_2", beta_2, 0.0, 1.0)
    optimizer = keras.optimizers.Lion(
        learning_rate, weight_decay=weight_decay, beta_1=beta_1, beta_2=beta_2
    )
    return _sparing(optimizer)


def adafactor(
    learning_rate: LearningRate,
    /,
    *,
    weight_decay: float = 0.0,
    beta_2_decay: float = -0.8,
    epsilon_2: float = 1e-3,
    clip_threshold: float = 1.0,
) -> keras.optimizers.Optimizer:
    """Adafactor (Shazeer and Stern 2018): steps in proportion to weights.

    "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost". The
    learning rate is relative to the size of each variable, so 0.01 is a
    usual one, and after t steps at most 1 / sqrt(t). It keeps no mean of the
    gradients, so it takes half of Adam's memory; no less than that, since
    Keras also stores the product of the two factors.

    Args:
        weight_decay: fraction of a weight taken off, times the learning
            rate; biases and the scales of normalisation layers do not decay.
        beta_2_decay: power of the step by which the decay of the squares
            approaches 1.
        epsilon_2: least size of a variable that steps are relative to.
        clip_threshold: largest root mean square of an update, before it is
            multiplied by the learning rate.
    """
    check_range("weight_decay", weight_decay, 0.0)
    check_range("beta_2_decay", beta_2_decay, -1.0, 0.0)
    check_range("epsilon_2", epsilon_2, 0.0)
    check_range("clip_threshold", clip_threshold, 1e-6)
    optimizer = keras.optimizers.Adafactor(
        learning_rate,
        weight_decay=weight_decay,
        beta_2_decay=beta_2_decay,
        epsilon_2=epsilon_2,
        clip_threshold=clip_threshold,
    )
    return _sparing(optimizer)


def muon(
    learning_rate: LearningRate,
    /,
    *,
    momentum: float = 0.95,
    weight_decay: float = 0.004,
    adam_beta_1: float = 0.9,
    adam_beta_2: float = 0.999,
) -> keras.optimizers.Optimizer:
    """Muon (Jordan et al. 2024): orthogonal updates of matrices.

    The momentum of a dense layer's matrix is made nearly orthogonal by
    Newton and Schulz's iteration, and scaled to the size of Adam's updates
    (Liu et al. 2025, "Muon is Scalable for LLM Training"), so that learning
    rates of AdamW suit. AdamW updates all else: logits, embeddings, biases,
    and the kernels of convolutions and attention, which have more axes.

    Args:
        momentum: decay of the gradients' sum.
        weight_decay: fraction of a weight taken off, times the learning
            rate; biases and the scales of normalisation layers do not decay.
        adam_beta_1: AdamW's decay of the gradients' mean.
        adam_beta_2: AdamW's decay of the gradients' squares.

    Raises:
        UserError: a setting out of its range, or Keras is older than 3.13.
    """
    check_range("momentum", momentum, 0.0, 1.0)
    check_range("weight_decay", weight_decay, 0.0)
    check_range("adam_beta_1", adam_beta_1, 0.0, 1.0)
    check_range("adam_beta_2", adam_beta_2, 0.0, 1.0)
    _check_keras("muon", 3, 13)
    optimizer = keras.optimizers.Muon(
        learning_rate,
        momentum=momentum,
        weight_decay=weight_decay,
        adam_weight_decay=weight_decay,
        adam_beta_1=adam_beta_1,
        adam_beta_2=adam_beta_2,
        exclude_layers=["logits"],
    )
    return _sparing(optimizer)


def schedule_free_adamw(
    learning_rate: LearningRate,
    /,
    *,
    warmup_steps: int = 0,
    weight_decay: float = 0.004,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
) -> keras.optimizers.Optimizer:
    """AdamW by averages in place of a schedule (Defazio et al. 2024).

    "The Road Less Scheduled". The average of all steps is what is scored,
    saved and exported, and is as good at any time as after a schedule that
    ends then. Learning rates of 1 to 10 times AdamW's suit.

    Args:
        warmup_steps: steps in which the learning rate rises linearly.
        weight_decay: fraction of a weight taken off, times the learning
            rate; biases and the scales of normalisation layers do not decay.
        beta_1: how near to the average gradients are taken, from 0 to 1.
        beta_2: decay of the gradients' squares.
        epsilon: added to the denominator.

    Raises:
        UserError: a setting out of its range, or there is a schedule.
    """
    check_range("warmup_steps", warmup_steps, 0)
    check_range("weight_decay", weight_decay, 0.0)
    _check_moments(beta_1, beta_2, epsilon)
    if callable(learning_rate):
        raise UserError(
            "Optimizer 'schedule_free_adamw' replaces the schedule, and needs "
            "--schedule=constant without its warm-up: use "
            "schedule_free_adamw(warmup_steps=...) to warm up."
        )
    optimizer = ScheduleFreeAdamW(
        learning_rate,
        warmup_steps=warmup_steps,
        weight_decay=weight_decay,
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
    )
    return _sparing(optimizer)


OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adamw,
    "lion": lion,
    "adafactor": adafactor,
    "muon": muon,
    "schedule_free_adamw": schedule_free_adamw,
}


def make_optimizer(
    optimizer: str,
    schedule: str,
    *,
    learning_rate: float,
    total_steps: int,
    clip_norm: float = 0.0,
    ema: float = 0.0,
) -> keras.optimizers.Optimizer:
    """Makes an optimizer that follows a schedule, both written as calls.

    Args:
        optimizer: an entry of OPTIMIZERS.
        schedule: an entry of SCHEDULES.
        learning_rate: the highest one.
        total_steps: steps of the whole training.
        clip_norm: largest global norm of the gradients, of all replicas
            together; 0: no limit.
        ema: decay a step of an average of the weights, which the optimizer
            keeps beside them; 0: none.

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
    if clip_norm:
        made.global_clipnorm = clip_norm
        clip_sum(made)
    if ema:
        _check_averages(made, optimizer)
        made.use_ema, made.ema_momentum = True, ema
    if keras.config.dtype_policy().name == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(made)
    return made


def _check_moments(beta_1: float, beta_2: float, epsilon: float) -> None:
    check_range("beta_1", beta_1, 0.0, 1.0)
    check_range("beta_2", beta_2, 0.0, 1.0)
    check_range("epsilon", epsilon, 0.0)


def _sparing(
    optimizer: keras.optimizers.Optimizer,
) -> keras.optimizers.Optimizer:
    """Exempts biases and the scales of normalisation from weight decay."""
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _check_averages(made: keras.optimizers.Optimizer, optimizer: str) -> None:
    if made.use_ema:
        raise UserError(
            f"Optimizer {optimizer!r} keeps averages of the weights itself: "
            "leave --ema out, and where they are the teacher of the objective "
            "use adamw."
        )


def _check_keras(optimizer: str, *oldest: int) -> None:
    """Raises a UserError where Keras is too old for an optimizer."""
    version = keras.__version__
    found = [int(part) for part in version.split(".")[: len(oldest)]]
    if tuple(found) < oldest:
        needed = ".".join(map(str, oldest))
        raise UserError(
            f"Optimizer {optimizer!r} needs Keras {needed}, this is "
            f'{version}: pip install "keras>={needed}", or use adamw.'
        )
