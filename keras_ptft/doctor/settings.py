"""The settings of `keras-ptft doctor` (no TensorFlow)."""

import dataclasses

from keras_ptft import settings
from keras_ptft.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class DoctorConfig:
    """What is looked at, checked when it is made.

    Raises:
        UserError: a value of the wrong type.

    Example:

    >>> DoctorConfig(quick=True).runs_dir
    'runs'
    """

    quick: bool = setting(
        False, "doctor", "leave out the small trainings and the export"
    )
    json: str = setting(
        "", "doctor", "JSON file to write what was found to, for scripts"
    )
    runs_dir: str = setting(
        "runs", "doctor", "folder of run folders, whose disk is looked at"
    )

    def __post_init__(self) -> None:
        for field in DOCTOR_FIELDS.values():
            settings.check(field, getattr(self, field.name))


DOCTOR_FIELDS = {
    field.name: field for field in dataclasses.fields(DoctorConfig)
}
