"""The settings of `keras-ptft runs` (no TensorFlow)."""

import dataclasses

from keras_ptft import settings
from keras_ptft.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunsConfig:
    """How runs are listed and which are removed, checked when it is made.

    Raises:
        UserError: a value of the wrong type or out of its range.

    Example:

    >>> RunsConfig(sort="seconds").all
    False
    """

    sort: str = setting(
        "accuracy",
        "runs",
        "column by which the runs are sorted, by its name in a --csv, or any "
        "setting; the best metric first, else the smallest number or name",
    )
    csv: str = setting(
        "", "runs", "CSV file to write the table to, with unrounded numbers"
    )
    html: str = setting("", "runs", "page to write the table to")
    all: bool = setting(
        False,
        "runs",
        "list the runs of comparisons and searches too, of NAME-compare/ and "
        "NAME-tune/",
    )
    delete: str = setting(
        "",
        "runs",
        "runs to remove with all their files, as a,b, before the others are "
        "listed; one that another run started from stays unless that is "
        "removed too",
    )

    def __post_init__(self) -> None:
        for field in RUNS_FIELDS.values():
            settings.check(field, getattr(self, field.name))


RUNS_FIELDS = {field.name: field for field in dataclasses.fields(RunsConfig)}
