"""Serves models in this process."""

import contextlib
import importlib.util
import threading
from collections.abc import Iterator
from typing import NamedTuple

from keras_ptft.serving.model_server.rest import RestServer
from keras_ptft.serving.model_server.served_model import Models

# how often it is looked whether to end
_POLL_SECONDS = 0.05


class Ports(NamedTuple):
    """Where models are served, at 127.0.0.1.

    Attributes:
        grpc: None: tensorflow-serving-api is not installed.
        rest: of the REST API.
    """

    grpc: int | None
    rest: int


@contextlib.contextmanager
def running(
    models: Models, port: int = 0, rest_port: int = 0
) -> Iterator[Ports]:
    """Serves models until the end of the block, in threads of their own.

    Args:
        models: by name; what they have loaded is what is served.
        port: of gRPC; 0: any that is free.
        rest_port: of the REST API; 0: any that is free.

    Yields:
        The ports.

    Raises:
        OSError: a port is taken.
    """
    with contextlib.ExitStack() as stack:
        grpc_port = None
        if importlib.util.find_spec("tensorflow_serving"):
            from keras_ptft.serving.model_server.grpc_services import (
                serving_grpc,
            )

            grpc_port = stack.enter_context(serving_grpc(port, models))
        server = stack.enter_context(RestServer(rest_port, models))
        thread = threading.Thread(
            target=server.serve_forever, args=(_POLL_SECONDS,)
        )
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        yield Ports(grpc_port, server.server_port)
