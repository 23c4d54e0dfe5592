"""The command that starts TensorFlow Serving (no TensorFlow)."""

import os
import pathlib
import re
import shutil
from collections.abc import Iterator

from keras_ptft.errors import UserError
from keras_ptft.serving.smoke.address import Address

PROGRAM = "tensorflow_model_server"
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


def server_command(
    base: pathlib.Path, address: Address, scratch: pathlib.Path
) -> list[str]:
    """Returns the command that serves a folder of versions.

    It is `tensorflow_model_server`, or else docker, which publishes the ports
    to this machine alone. What stands in `serving/` beside the versions is
    given to it: models.config with the path of the versions as the server
    sees it, batching.config and monitoring.config.

    Args:
        base: absolute path of the folder.
        address: where to serve it.
        scratch: a folder for files that the server reads.

    Raises:
        UserError: there is neither.
    """
    if program := shutil.which(PROGRAM):
        return [program, *_flags(base, address, scratch, str(base), scratch)]
    if program := shutil.which("docker"):
        return _docker(program, base, address, scratch)
    raise UserError(
        f"Expected {PROGRAM} or docker on the PATH to serve with, got neither: "
        "install docker (https://docs.docker.com/get-docker), or "
        f"{PROGRAM} (https://www.tensorflow.org/tfx/serving/setup)."
    )


def _docker(
    program: str, base: pathlib.Path, address: Address, scratch: pathlib.Path
) -> list[str]:
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
