"""How a request ends, by the codes that gRPC and TensorFlow share."""

import re
from collections.abc import Mapping

import tensorflow as tf

INVALID = "INVALID_ARGUMENT"
NOT_FOUND = "NOT_FOUND"

# by their numbers
_CODES = (
    *("OK", "CANCELLED", "UNKNOWN", INVALID, "DEADLINE_EXCEEDED", NOT_FOUND),
    *("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"),
    *("FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
HTTP: Mapping[str, int] = {
    **dict.fromkeys(_CODES, 500),
    "OK": 200,
    **dict.fromkeys((INVALID, "FAILED_PRECONDITION", "OUT_OF_RANGE"), 400),
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    NOT_FOUND: 404,
    **dict.fromkeys(("ALREADY_EXISTS", "ABORTED"), 409),
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""Code to HTTP status, as in TensorFlow Serving's `http_server.cc`."""

# what TensorFlow's Python says before and after the message of an operation
_BEFORE = "<stack traces unavailable>\n"
_AFTER = re.compile(r"\s*(\[Op:\w*\])?\s*$")


class StatusError(Exception):
    """A request, or a version, that is refused; the message says why.

    Attributes:
        code: a key of HTTP.
        message: for whoever asked.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def refused(message: str) -> StatusError:
    """Returns the error of a request that is not as it must be.

    Example:

    >>> HTTP[refused("no rows").code]
    400
    """
    return StatusError(INVALID, message)


def status_of(error: Exception) -> StatusError:
    """Returns what an error is to a client.

    Args:
        error: of TensorFlow or of Python.

    Example:

    >>> found = status_of(tf.errors.DataLossError(None, None, "torn"))
    >>> found.code, found.message
    ('DATA_LOSS', 'torn')
    """
    if isinstance(error, StatusError):
        return error
    if isinstance(error, tf.errors.OpError):
        message = str(error.message).rpartition(_BEFORE)[2]
        return StatusError(_CODES[error.error_code], _AFTER.sub("", message))
    return StatusError("UNKNOWN", f"{type(error).__name__}: {error}")
