"""Files beside the versions that start a server: TensorFlow Serving's own,
Docker Compose's and Kubernetes's.

A server ignores their folder, whose name is no number.
"""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from keras_ptft.files import write_text
from keras_ptft.serving.bundle.client import example_argument
from keras_ptft.serving.bundle.names import cluster_name, model_name
from keras_ptft.serving.bundle.templates import rendered
from keras_ptft.serving.signatures.signature import Signature

FOLDER = "serving"
"""Where they are, in the folder of the versions."""

_FILES = (
    "README.md",
    "models.config",
    "monitoring.config",
    "serve.sh",
    "compose.yaml",
    "deploy/deployment.yaml",
    "deploy/service.yaml",
)
# only where requests can share a batch: a server is started with it if it is
# there
_BATCHING = "batching.config"
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_PORTS = ("--port=8500", "--rest_api_port=8501")


def write_server_files(
    version: pathlib.Path,
    signatures: Sequence[Signature],
    *,
    version_labels: Mapping[str, int] | None = None,
) -> None:
    """Writes all that a server needs to be started with.

    Each file is written beside and renamed; those of the export before are
    replaced.

    Args:
        version: folder of a published version.
        signatures: what it answers.
        version_labels: label to the number of its version; None: the newest
            version is served.

    Raises:
        DiskError: a file cannot be written.
    """
    folder = version.parent / FOLDER
    values = _values(version, signatures)
    values["labels"] = version_labels or {}
    written = [*_FILES, *([_BATCHING] if values["batching"] else [])]
    for name in written:
        write_text(folder / name, rendered(name, **values))
    if not values["batching"]:
        (folder / _BATCHING).unlink(missing_ok=True)
    script = folder / "serve.sh"
    mode = script.stat().st_mode
    # whoever may read it may run it
    script.chmod(mode | (mode & 0o444) >> 2)


def _values(
    version: pathlib.Path, signatures: Sequence[Signature]
) -> dict[str, Any]:
    """What the templates ask for."""
    name = model_name(version.parent)
    folder = f"/models/{name}"
    open_inputs = _open_inputs(signatures)
    batching = "serving_default" not in open_inputs
    files = f"{folder}/{FOLDER}"
    return {
        "name": name,
        "cluster_name": cluster_name(name),
        "version": version.name,
        "example": example_argument(signatures),
        "folder": folder,
        "batching": batching,
        "sizes": _SIZES,
        "open_inputs": sorted({*open_inputs.values()}),
        "flags": [
            *_PORTS,
            f"--model_config_file={files}/models.config",
            # labels are moved by another models.config
            "--model_config_file_poll_wait_seconds=60",
            *_flags(files, batching=batching),
        ],
        "flags_here": _flags('"$here"', batching=batching),
        "memory": _memory(version),
        "signatures": {
            signature.name: _described(signature) for signature in signatures
        },
    }


def _flags(folder: str, *, batching: bool) -> list[str]:
    flags = [
        # a label may be there before its version is loaded
        "--allow_version_labels_for_unavailable_models=true",
        f"--monitoring_config_file={folder}/monitoring.config",
    ]
    if batching:
        # a server refuses the second without the first
        flags += [
            "--enable_batching=true",
            f"--batching_parameters_file={folder}/{_BATCHING}",
        ]
    return flags


def _open_inputs(signatures: Sequence[Signature]) -> dict[str, str]:
    """Signature name to an input of it that has any length."""
    return {
        signature.name: name
        for signature in signatures
        for name, spec in signature.inputs.items()
        if None in list(spec.shape)[1:]
    }


def _memory(version: pathlib.Path) -> int:
    """MiB that a server is given: four times the files, and 512."""
    sizes = (p.stat().st_size for p in version.rglob("*") if p.is_file())
    return 256 * math.ceil((512 + 4 * sum(sizes) / 2**20) / 256)


def _described(signature: Signature) -> tuple[str, str]:
    """Inputs and outputs of a signature, for a table."""
    inputs = ", ".join(
        f"`{name}`: {_spec_text(spec)}"
        for name, spec in signature.inputs.items()
    )
    outputs = ", ".join(f"`{name}`" for name in signature.cases[0].outputs)
    return inputs, outputs


def _spec_text(spec: tf.TensorSpec) -> str:
    rest = "".join(f", {size or 'any'}" for size in list(spec.shape)[1:])
    return f"{spec.dtype.name} (batch{rest})"
