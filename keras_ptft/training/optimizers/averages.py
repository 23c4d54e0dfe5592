"""The averages of weights that an optimizer keeps beside them.

Keras stores and updates them, but puts them into all variables or into none.
This module uses two private names of Keras: `_get_variable_index` and
`_model_variables_moving_average`.
"""

from collections.abc import Sequence

import keras


def averages_of(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> list[keras.Variable]:
    """Returns the average of each variable; none where none are kept.

    Args:
        optimizer: built with these variables, and maybe with others.
        variables: some of the trained ones.
    """
    # where the loss is scaled, this one updates the variables
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not inner.use_ema:
        return []
    averages = inner._model_variables_moving_average
    return [averages[inner._get_variable_index(v)] for v in variables]


def constrain(variables: Sequence[keras.Variable]) -> None:
    """Makes variables that hold their averages meet their constraints.

    Keras averages what an update gives before the constraint is applied to
    it, so a pruned weight would not be zero in the average.

    Args:
        variables: of any kind; those without a constraint stay.
    """
    for variable in variables:
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))


def start_averages(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> None:
    """Sets each average to its variable, as for one that is trained later.

    Keras starts them all in the first step of the training.

    Args:
        optimizer: as in `averages_of`.
        variables: those that it was built with.
    """
    averages = averages_of(optimizer, variables)
    if averages:
        for variable, average in zip(variables, averages, strict=True):
            average.assign(variable)
