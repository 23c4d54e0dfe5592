"""The commands that start a server (no TensorFlow)."""

import os
import pathlib
import re
import shutil
import sys
from collections.abc import Iterator

from keras_ptft.serving.smoke.address import Address

PROGRAM = "tensorflow_model_server"
DOCKER = "docker"
IMAGE = "tensorflow/serving"

# files beside the versions, and the flags that they are given by
_CONFIGS = {
    "serving/batching.config": (
        "--enable_batching=true",
        "--batching_parameters_file={}",
    ),
    "serving/monitoring.config": ("--monitoring_config_file={}",),
}
_MODELS = "serving/models.config"
_BASE_PATH = re.compile(r'(\bbase_path:\s*)(["\']).*?\2')
_IN_CONTAINER = pathlib.PurePosixPath("/models")


def installed_command(
    base: pathlib.Path, address: Address, scratch: pathlib.Path
) -> list[str]:
    """Returns the command that starts `tensorflow_model_server`.

    What stands in `serving/` beside the versions is given to it: models.config
    with the path of the versions as the server sees it, batching.config and
    monitoring.config.

    Args:
        base: absolute path of the folder of versions.
        address: where to serve it.
        scratch: a folder for files that the server reads.
    """
    program = shutil.which(PROGRAM) or PROGRAM
    return [program, *_flags(base, address, scratch, str(base), scratch)]


def python_command(
    base: pathlib.Path, address: Address, scratch: pathlib.Path
) -> list[str]:
    """Returns the command that starts a server in this Python.

    Args:
        base: as of `installed_command`.
        address: as of `installed_command`.
        scratch: as of `installed_command`.
    """
    program = [sys.executable, "-m", "keras_ptft.serving.model_server"]
    return [*program, *_flags(base, address, scratch, str(base), scratch)]


def docker_command(
    base: pathlib.Path, address: Address, scratch: pathlib.Path
) -> list[str]:
    """Returns the command that starts TensorFlow Serving in docker.

    It publishes the ports to this machine alone.

    Args:
        base: as of `installed_command`.
        address: as of `installed_command`.
        scratch: as of `installed_command`.
    """
    program = shutil.which(DOCKER) or DOCKER
    model, files = _IN_CONTAINER / address.model, _IN_CONTAINER / ".scratch"
    ports = (address.port, address.rest_port)
    published = (f"--publish={address.host}:{p}:{p}" for p in ports)
    mounts = (
        f"--mount=type=bind,source={source},target={target},readonly"
        for source, target in ((base, model), (scratch, files))
    )
    return [
        *(program, "run", "--rm"),
        # passes signals on, which the first process of a container ignores
        "--init",
        *published,
        *mounts,
        f"--entrypoint={PROGRAM}",
        IMAGE,
        *_flags(base, address, scratch, str(model), files),
    ]


def _flags(
    base: pathlib.Path,
    address: Address,
    scratch: pathlib.Path,
    seen: str,
    scratch_seen: os.PathLike,
) -> Iterator[str]:
    """The flags of a server that sees the versions and scratch elsewhere."""
    yield f"--port={address.port}"
    yield f"--rest_api_port={address.rest_port}"
    # what cannot be loaded is told at once, and not after five minutes
    yield "--max_num_load_retries=0"
    if (base / _MODELS).is_file():
        text = (base / _MODELS).read_text(encoding="utf-8")
        quoted = seen.replace("\\", r"\\").replace('"', r"\"")
        text = _BASE_PATH.sub(lambda found: f'{found[1]}"{quoted}"', text)
        (scratch / "models.config").write_text(text, encoding="utf-8")
        yield f"--model_config_file={scratch_seen}/models.config"
        # a label may stand there before its version is loaded
        yield "--allow_version_labels_for_unavailable_models=true"
    else:
        yield f"--model_name={address.model}"
        yield f"--model_base_path={seen}"
    for file, flags in _CONFIGS.items():
        if (base / file).is_file():
            yield from (flag.format(f"{seen}/{file}") for flag in flags)
