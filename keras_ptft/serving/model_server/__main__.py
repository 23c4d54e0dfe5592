"""Serves models until SIGTERM or Ctrl-C.

python -m keras_ptft.serving.model_server --help
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence

from keras_ptft.errors import UserError
from keras_ptft.streams import without_tensorflow_messages


def main(words: Sequence[str]) -> None:
    """Serves what a command line of `tensorflow_model_server` names.

    Args:
        words: without the name of the program.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("keras_ptft").setLevel(logging.INFO)
    try:
        _serve(words, stopped)
    except (UserError, OSError, RuntimeError) as error:
        sys.exit(f"Cannot serve: {error}")


def _serve(words: Sequence[str], stopped: threading.Event) -> None:
    # TensorFlow is imported after the signals are caught, and silently
    with without_tensorflow_messages(show_on_error=True):
        from keras_ptft.serving.model_server.command_line import read_flags
        from keras_ptft.serving.model_server.running import running
        from keras_ptft.serving.model_server.served_model import (
            ServedModel,
            watch,
        )
    options = read_flags(words)
    for sentence in options.ignored:
        print(f"In this server {sentence}.", flush=True)
    models = {config.name: ServedModel(config) for config in options.models}
    with running(models, options.port, options.rest_port) as ports:
        if ports.grpc is not None:
            print(f"Running gRPC at 127.0.0.1:{ports.grpc}", flush=True)
        print(f"Running REST at 127.0.0.1:{ports.rest}", flush=True)
        threading.Thread(
            target=watch, args=(models.values(), stopped), daemon=True
        ).start()
        stopped.wait()
        sys.stdout.flush()
        # other threads may load a version or answer: nobody waits for them
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
