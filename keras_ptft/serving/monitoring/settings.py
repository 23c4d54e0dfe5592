"""The settings of `keras-ptft monitor` (no TensorFlow)."""

import dataclasses

from keras_ptft import settings
from keras_ptft.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class MonitorConfig:
    """How requests are compared with training, checked when it is made.

    Raises:
        UserError: a value of the wrong type or out of its range.

    Example:

    >>> MonitorConfig(require=("psi<=0.25",)).json
    ''
    """

    json: str = setting(
        "", "monitor", "file to write every number to, as monitor.json"
    )
    html: str = setting("", "monitor", "page to write the histograms to")
    require: tuple[str, ...] = setting(
        (),
        "monitor",
        "end with code 1 unless it holds, as psi<=0.25, for every quantity, "
        "or confidence<=0.1; any number of times",
    )
    text_column: str = setting(
        "",
        "monitor",
        "column of a table that holds texts, or several, as "
        "premise,hypothesis; empty: those of training",
    )
    skip_bad_images: bool = setting(
        False,
        "monitor",
        "name image files that cannot be decoded, leave them out and continue",
    )

    def __post_init__(self) -> None:
        for field in MONITOR_FIELDS.values():
            settings.check(field, getattr(self, field.name))


MONITOR_FIELDS = {
    field.name: field for field in dataclasses.fields(MonitorConfig)
}
