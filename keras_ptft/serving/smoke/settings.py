"""The settings of `keras-ptft serve` (no TensorFlow)."""

import dataclasses

from keras_ptft import settings
from keras_ptft.serving.smoke.programs import AUTO, PROGRAMS
from keras_ptft.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """How an export is served, checked when it is made.

    Raises:
        UserError: a value of the wrong type or out of its range.

    Example:

    >>> ServeConfig(smoke=True).port
    8500
    """

    smoke: bool = setting(
        False,
        "serve",
        "send the requests of the warm-up by gRPC and REST, compare the "
        "answers with those of the export itself, and stop; exit code 1 if "
        "one differs",
    )
    server: str = setting(
        AUTO,
        "serve",
        "what serves; auto: the first of these that this machine has; python "
        "answers as TensorFlow Serving does, for trying and not for production",
        choices=(AUTO, *PROGRAMS),
    )
    port: int = setting(
        8500, "serve", "of gRPC; 0: any that is free", low=0, high=65535
    )
    rest_port: int = setting(
        8501, "serve", "of the REST API; 0: any that is free", low=0, high=65535
    )
    timeout: float = setting(
        120.0,
        "serve",
        "seconds in which the server must have loaded the model",
        low=0.1,
        high=86400.0,
    )

    def __post_init__(self) -> None:
        for field in SERVE_FIELDS.values():
            settings.check(field, getattr(self, field.name))


SERVE_FIELDS = {field.name: field for field in dataclasses.fields(ServeConfig)}
