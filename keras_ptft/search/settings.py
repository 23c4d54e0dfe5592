"""The settings of `keras-ptft tune` (no TensorFlow)."""

import dataclasses

from keras_ptft import settings
from keras_ptft.settings import setting

FOLDER_SUFFIX = "-tune"
"""Follows the name of a recipe in that of the folder of its search."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """What is searched, how and how long, checked when it is made.

    Raises:
        UserError: a value of the wrong type or out of its range.

    Example:

    >>> TuneConfig(search="learning_rate=log(1e-5,1e-1)").method
    'tpe'
    """

    search: str = setting(
        "",
        "tune",
        "settings and their values, as 'learning_rate=log(1e-5,1e-1) "
        "freeze=all,conv2,none': log(a,b), uniform(a,b) or int(a,b), or a "
        "list; empty: freeze, learning_rate, optimizer and augment",
    )
    trials: int = setting(
        0,
        "tune",
        "trainings, the recipe as it is among them; 0: 20, or with --budget "
        "as many as fit",
        low=0,
        high=100_000,
    )
    method: str = setting(
        "tpe",
        "tune",
        "how values are chosen: tpe learns from earlier trials, random does "
        "not, hyperband is tpe that stops weak trials after few epochs",
        choices=("tpe", "random", "hyperband"),
    )
    parallel: int = setting(
        1, "tune", "processes that train at a time", low=1, high=256
    )
    budget: str = setting(
        "",
        "tune",
        "time after which no trial is started, as 90s, 10m or 2h; empty: no "
        "limit",
    )

    def __post_init__(self) -> None:
        for field in TUNE_FIELDS.values():
            settings.check(field, getattr(self, field.name))


TUNE_FIELDS = {field.name: field for field in dataclasses.fields(TuneConfig)}
