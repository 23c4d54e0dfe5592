"""Where a model is served (no TensorFlow)."""

import dataclasses
import socket
import urllib.parse

from keras_ptft.errors import UserError


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a server answers for a model.

    Attributes:
        model: the name that it is served by.
        port: of gRPC.
        rest_port: of the REST API.
        host: of both.

    Example:

    >>> Address("my dogs", 8500, 8501).url
    'http://127.0.0.1:8501/v1/models/my%20dogs'
    """

    model: str
    port: int
    rest_port: int
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """The URL of the model."""
        name = urllib.parse.quote(self.model, safe="")
        return f"http://{self.host}:{self.rest_port}/v1/models/{name}"


def local_address(model: str, port: int, rest_port: int) -> Address:
    """Returns an address of this machine that is free.

    Args:
        model: the name that it is served by.
        port: of gRPC; 0: any that is free.
        rest_port: of the REST API; 0: any that is free.

    Raises:
        UserError: a port is taken, or both are the same.
    """
    if port == rest_port != 0:
        raise UserError(
            f"--port and --rest_port must differ, got {port} for both: choose "
            "another --rest_port."
        )
    with _bound(port, "port") as first, _bound(rest_port, "rest_port") as other:
        return Address(model, first.getsockname()[1], other.getsockname()[1])


def _bound(port: int, setting: str) -> socket.socket:
    bound = socket.socket()
    try:
        if port:
            # as servers do: a connection that was closed holds no port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # TensorFlow Serving listens at every address of the machine
        bound.bind(("", port))
    except OSError as error:
        bound.close()
        raise UserError(
            f"Cannot serve at --{setting}={port}: {error.strerror}; choose "
            "another, or 0 for any that is free."
        ) from error
    return bound
