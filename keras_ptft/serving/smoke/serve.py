"""Serves an export until it is stopped (no TensorFlow)."""

import os
import pathlib
import sys
from collections.abc import Sequence

from keras_ptft.errors import UserError
from keras_ptft.serving.smoke.address import Address
from keras_ptft.serving.smoke.programs import chosen
from keras_ptft.serving.smoke.server import running
from keras_ptft.serving.smoke.settings import ServeConfig
from keras_ptft.serving.versioning.versions import versions


def serve(path: str | os.PathLike, config: ServeConfig) -> int:
    """Serves an export until Ctrl-C.

    Call it from the main thread, which receives the signals.

    Args:
        path: folder of its versions.
        config: what serves, the ports, and how long loading may take.

    Returns:
        0, when it was stopped.

    Raises:
        UserError: no export, no program that serves it, or the server ended.
    """
    base = versions_folder(path)
    program = chosen(config.server)
    try:
        with running(base, config, program, log=sys.stderr) as server:
            version = server.wait_until_available(config.timeout)
            told = _told(path, version, server.address, program.speaks())
            print(told, flush=True)
            server.wait()
    except KeyboardInterrupt:
        print("Stopped.")
    return 0


def versions_folder(path: str | os.PathLike) -> pathlib.Path:
    """Returns the absolute path of a folder of exported versions.

    Raises:
        UserError: it is no such folder, or one of its versions.
    """
    base = pathlib.Path(os.path.abspath(path))
    if (base / "saved_model.pb").is_file():
        raise UserError(
            f"Expected the folder that holds the versions, got {path}, which "
            f"is one of them: give {base.parent}."
        )
    if not base.is_dir() or not versions(base):
        raise UserError(
            f"No export in {path}: expected a folder of versions, as "
            "keras-ptft export writes them; check the path."
        )
    return base


def _told(
    path: str | os.PathLike,
    version: int,
    address: Address,
    spoken: Sequence[str],
) -> str:
    at = {
        "REST": f"{address.url}:predict",
        "gRPC": f"{address.host}:{address.port}",
    }
    ways = "".join(f"  {way}  {at[way]}\n" for way in at if way in spoken)
    return (
        f"Serving version {version} of {os.fspath(path)} as {address.model}:\n"
        f"{ways}Ctrl-C stops it."
    )
