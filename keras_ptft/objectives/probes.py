"""Heads that are solved on features in place of being trained."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

from keras_ptft.errors import UserError, check_range
from keras_ptft.objectives.linear_head import Rows, Solution
from keras_ptft.objectives.logistic import Logistic
from keras_ptft.objectives.ridge import Ridge

# from small to large, each starting at the last one's solution
_C = tuple(10.0**exponent for exponent in range(-5, 6))
# values of C in a row that are worse than the best, after which the larger
# ones, which take longest, are left out
_PATIENCE = 2
# likewise from a strong penalty to a weak one; each costs next to nothing,
# and the sums of many examples call for large ones
_ALPHA = tuple(10.0**exponent for exponent in range(8, -6, -1))


class _Solver(Protocol):
    setting: str

    def solve(self, value: float, *, rough: bool = False) -> Solution: ...

    def loss(self, head: Solution, rows: Rows) -> float: ...


def none(train: Rows, validation: Rows | None, /) -> Solution:
    """Solves nothing: the head is trained."""
    del train, validation
    raise UserError("--probe=none solves no head: use --probe=lbfgs.")


def lbfgs(
    train: Rows,
    validation: Rows | None,
    /,
    *,
    C: float = 0.0,
    standardise: bool = False,
    max_iter: int = 5000,
) -> Solution:
    """Solves logistic regression, for classification and multi_label.

    It minimises the cross-entropy with an L2 penalty on the kernel, as
    scikit-learn's multinomial `LogisticRegression`; of several labels an
    example there is one regression a label, with the same C. Without
    standardising, features that vary more count more: those of
    EfficientNet-Lite0 gained 2 points by it on 500 photos.

    Args:
        C: inverse strength of the penalty; 0: the power of ten that has the
            lowest loss on the validation split, over labels the mean.
        standardise: whether each feature is first brought to mean 0 and
            standard deviation 1 over the training split.
        max_iter: most iterations of the solver.

    Raises:
        UserError: there is no validation split to choose C on.
    """
    check_range("C", C, 0.0)
    check_range("max_iter", max_iter, 1)
    _check_choice("lbfgs", Logistic.setting, C, validation)
    solver = Logistic(train, standardise=standardise, max_iter=max_iter)
    return _solved(solver, C, validation, _C, _PATIENCE)


def ridge(
    train: Rows,
    validation: Rows | None,
    /,
    *,
    alpha: float = 0.0,
    standardise: bool = False,
) -> Solution:
    """Solves ridge regression in closed form, for regression.

    It minimises the sum of the squared errors plus alpha times the sum of
    the squared kernel, as scikit-learn's `Ridge`.

    Args:
        alpha: strength of the penalty; 0: the power of ten that has the
            lowest loss on the validation split.
        standardise: whether each feature is first brought to mean 0 and
            standard deviation 1 over the training split.

    Raises:
        UserError: there is no validation split to choose alpha on.
    """
    check_range("alpha", alpha, 0.0)
    _check_choice("ridge", Ridge.setting, alpha, validation)
    solver = Ridge(train, standardise=standardise)
    return _solved(solver, alpha, validation, _ALPHA, len(_ALPHA))


PROBES: dict[str, Callable[..., Solution]] = {
    "none": none,
    "lbfgs": lbfgs,
    "ridge": ridge,
}


def _check_choice(
    probe: str, setting: str, value: float, validation: Rows | None
) -> None:
    """Refuses to choose a setting on a split that is not there."""
    if not value and validation is None:
        raise UserError(
            f"--probe={probe} chooses {setting} on the validation split, and "
            f"there is none: set --validation_fraction=0.1, or --probe={probe}"
            f"({setting}=1.0)."
        )


def _solved(
    solver: _Solver,
    value: float,
    validation: Rows | None,
    grid: Sequence[float],
    patience: int,
) -> Solution:
    """The head for a value, or the one with the lowest validation loss."""
    if value or validation is None:
        return solver.solve(value)
    losses: dict[float, float] = {}
    for tried in grid:
        losses[tried] = solver.loss(solver.solve(tried, rough=True), validation)
        best = min(losses, key=losses.__getitem__)
        if grid.index(tried) - grid.index(best) == patience:
            break
    return dataclasses.replace(solver.solve(best), validation_losses=losses)
