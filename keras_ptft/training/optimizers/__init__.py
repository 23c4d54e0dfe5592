"""Optimizers and learning rate schedules by name."""

from keras_ptft.training.optimizers.factors import scale_learning_rates
from keras_ptft.training.optimizers.optimizers import (
    OPTIMIZERS,
    make_optimizer,
)
from keras_ptft.training.optimizers.schedules import SCHEDULES

__all__ = ["OPTIMIZERS", "SCHEDULES", "make_optimizer", "scale_learning_rates"]
