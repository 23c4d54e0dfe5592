"""Files beside the versions that start a server: TensorFlow Serving's own,
Docker Compose's and Kubernetes's (no TensorFlow).

A server ignores their folder, whose name is no number.
"""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from keras_ptft.files import read_json, write_text
from keras_ptft.serving.bundle.descriptions import (
    Described,
    arguments,
    example_argument,
    open_inputs,
)
from keras_ptft.serving.bundle.names import (
    MOST_TOGETHER,
    cluster_name,
    model_name,
)
from keras_ptft.serving.bundle.templates import rendered
from keras_ptft.serving.versioning.labels import version_labels
from keras_ptft.serving.versioning.versions import FACTS, facts_of

FOLDER = "serving"
"""Where they are, in the folder of the versions."""
PART = "client"
"""The part in FACTS that describes the signatures."""
NEWEST = "model_version_policy { latest { num_versions: 1 } }"
"""Loads the newest version, and no other."""

_FILES = (
    "README.md",
    "models.config",
    "monitoring.config",
    "serve.sh",
    "compose.yaml",
    "deploy/deployment.yaml",
    "deploy/service.yaml",
)
# there only where requests can share a batch: whoever starts a server turns
# batching on if there is such a file
_BATCHING = "batching.config"


def write_server_files(
    version: pathlib.Path, loads: Sequence[str] = (NEWEST,)
) -> None:
    """Writes all that a server needs to be started with.

    Each file is written beside and renamed; those of the export before are
    replaced. What the version answers is read from its FACTS; one of an
    earlier keras_ptft does not say it, and gets no files.

    Args:
        version: folder of a published version.
        loads: fields of a ModelConfig, as text, that say which versions are
            loaded and how they are labelled; a line each.

    Raises:
        DiskError: a file cannot be written.
        UserError: FACTS cannot be read.
    """
    facts = read_json(version / FACTS)
    if PART not in facts:
        return
    folder = version.parent / FOLDER
    values = _values(version, facts[PART]["signatures"])
    values["loads"] = loads
    values["sizes"] = _sizes(_most_together(version))
    batching = [_BATCHING] if values["batching"] else []
    for name in (*_FILES, *batching):
        write_text(folder / name, rendered(name, **values))
    if not batching:
        (folder / _BATCHING).unlink(missing_ok=True)
    script = folder / "serve.sh"
    mode = script.stat().st_mode
    # whoever may read it may run it
    script.chmod(mode | (mode & 0o444) >> 2)


def _values(version: pathlib.Path, described: Described) -> dict[str, Any]:
    """What the templates ask for."""
    name = model_name(version.parent)
    folder = f"/models/{name}"
    files = f"{folder}/{FOLDER}"
    any_length = open_inputs(described)
    batching = "serving_default" not in any_length
    return {
        "name": name,
        "cluster_name": cluster_name(name),
        "version": version.name,
        "example": example_argument(described),
        "arguments": arguments(described),
        "folder": folder,
        "batching": batching,
        "open_inputs": sorted({*any_length.values()}),
        "flags": [
            "--port=8500",
            "--rest_api_port=8501",
            f"--model_config_file={files}/models.config",
            # labels are moved by another models.config
            "--model_config_file_poll_wait_seconds=60",
            *_flags(files, batching=batching),
        ],
        "flags_here": _flags('"$here"', batching=batching),
        "memory": _memory(version),
        "signatures": {
            signature: _in_words(parts)
            for signature, parts in described.items()
        },
    }


def _flags(folder: str, *, batching: bool) -> list[str]:
    """Flags that name files in a folder."""
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


def _most_together(version: pathlib.Path) -> int:
    """Most examples of a batch, of all versions that a server may hold."""
    base = version.parent
    labelled = {base / str(n) for n in version_labels(base).values()}
    told = (facts_of(path).get("intake", {}) for path in {version, *labelled})
    limits = (intake.get("largest_batch", 0) for intake in told)
    return min([MOST_TOGETHER, *filter(None, limits)])


def _sizes(most: int) -> list[int]:
    """Sizes that batches are filled up to: powers of 2, and the largest."""
    return [*(2**n for n in range((most - 1).bit_length())), most]


def _memory(version: pathlib.Path) -> int:
    """MiB that a server is given: four times the files, and 512."""
    sizes = (p.stat().st_size for p in version.rglob("*") if p.is_file())
    return 256 * math.ceil((512 + 4 * sum(sizes) / 2**20) / 256)


def _in_words(parts: Mapping[str, Any]) -> tuple[str, str]:
    """Inputs and outputs of a signature, for a table."""
    inputs = []
    for name, spec in parts["inputs"].items():
        sizes = "".join(f", {size or 'any'}" for size in spec["shape"][1:])
        inputs.append(f"`{name}`: {spec['dtype']} (batch{sizes})")
    outputs = (f"`{name}`" for name in parts["outputs"])
    return ", ".join(inputs), ", ".join(outputs)
