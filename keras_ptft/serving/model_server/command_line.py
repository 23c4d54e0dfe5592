"""The flags of `tensorflow_model_server`, as far as they matter here."""

import argparse
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from keras_ptft.errors import UserError
from keras_ptft.serving.model_server.model_config import (
    ModelConfig,
    read_models,
)

# flags that are taken and do nothing, and what they would do; nothing: they
# ask for what is done here anyway
_IGNORED: Mapping[str, str] = {
    "max_num_load_retries": "",
    "load_retry_interval_micros": "",
    "allow_version_labels_for_unavailable_models": "",
    "file_system_poll_wait_seconds": "",
    "model_config_file_poll_wait_seconds": "",
    "rest_api_timeout_in_ms": "",
    "rest_api_num_threads": "",
    "enable_batching": "requests share no batch",
    "batching_parameters_file": "requests share no batch",
    "monitoring_config_file": "there are no metrics",
}


@dataclasses.dataclass(frozen=True)
class Options:
    """What is served, and where.

    Attributes:
        models: that are served.
        port: of gRPC; 0: any that is free.
        rest_port: of the REST API; 0: any that is free.
        ignored: what is asked for and not done.
    """

    models: Sequence[ModelConfig]
    port: int
    rest_port: int
    ignored: Sequence[str] = ()


def read_flags(words: Sequence[str]) -> Options:
    """Reads a command line of `tensorflow_model_server`.

    Args:
        words: without the name of the program.

    Raises:
        UserError: the models cannot be read, or none is named.
        SystemExit: a flag that is not known.

    Example:

    >>> found = read_flags(["--model_base_path=/models/x", "--port=8500"])
    >>> found.models[0].name, found.port, found.rest_port
    ('default', 8500, 0)
    """
    parser = argparse.ArgumentParser(
        prog="python -m keras_ptft.serving.model_server", allow_abbrev=False
    )
    add = parser.add_argument
    add("--port", type=int, default=8500, help="of gRPC; 0: any")
    add("--rest_api_port", type=int, default=0, help="of REST; 0: any")
    add("--model_name", default="default", help="that clients ask for")
    add("--model_base_path", default="", help="folder of the versions")
    add("--model_config_file", default="", help="in place of both")
    for name in _IGNORED:
        add(f"--{name}", help="taken, and not looked at")
    given = parser.parse_args(words)
    told = (_IGNORED[k] for k, v in vars(given).items() if _is_on(k, v))
    return Options(
        _models(given),
        given.port,
        given.rest_api_port,
        [*dict.fromkeys(filter(None, told))],
    )


def _is_on(name: str, value: object) -> bool:
    return name in _IGNORED and value not in (None, "", "false")


def _models(given: argparse.Namespace) -> Sequence[ModelConfig]:
    if given.model_config_file:
        return read_models(given.model_config_file)
    if not given.model_base_path:
        raise UserError(
            "Expected --model_base_path or --model_config_file, got neither: "
            "name the folder of the versions."
        )
    base = pathlib.Path(given.model_base_path)
    return [ModelConfig(given.model_name, base)]
