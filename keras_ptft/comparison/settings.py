"""The settings of `keras-ptft compare` (no TensorFlow)."""

import dataclasses

from keras_ptft import settings
from keras_ptft.settings import setting

FOLDER_SUFFIX = "-compare"
"""Follows the name of a recipe in that of the folder of its comparison."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """How a recipe is compared, checked when it is made.

    Raises:
        UserError: a value of the wrong type or out of its range.

    Example:

    >>> CompareConfig(budgets="10,50,100%").seeds
    5
    """

    seeds: int = setting(
        5,
        "compare",
        "how often each is trained; each seed draws its own splits, labels "
        "and weights, but all have the split of a run that is the --teacher "
        "or was pretrained on the same data; "
        "with --folds, each fold once",
        low=1,
        high=1000,
    )
    budgets: str = setting(
        "",
        "compare",
        "labels to train on, as 10,50,100%: of each class, or a share; empty: "
        "those of the recipe",
    )
    beside: str = setting(
        "scratch,probe,linear",
        "compare",
        "what is trained beside the recipe itself: scratch, from random "
        "weights; probe, its head alone; linear, a linear model of pixels, "
        "numbers or words",
    )
    variant: tuple[str, ...] = setting(
        (),
        "compare",
        "another way, as 'last: --freeze=conv2 --learning_rate=1e-4'; any "
        "number of times",
    )
    require: tuple[str, ...] = setting(
        (),
        "compare",
        "end with code 1 unless it holds, as accuracy>=0.99 or gain>=0.01; "
        "any number of times",
    )
    parallel: int = setting(
        1, "compare", "processes that train at a time", low=1, high=256
    )
    write_header: bool = setting(
        False, "compare", "write the result into the header of the recipe"
    )

    def __post_init__(self) -> None:
        for field in COMPARE_FIELDS.values():
            settings.check(field, getattr(self, field.name))


COMPARE_FIELDS = {
    field.name: field for field in dataclasses.fields(CompareConfig)
}
