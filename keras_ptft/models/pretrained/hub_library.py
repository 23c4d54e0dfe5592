"""KerasHub itself, asked for what may be broken or must be fetched."""

import importlib
import types
from collections.abc import Callable
from typing import Any

from keras_ptft.errors import UserError, on_one_line


def keras_hub() -> types.ModuleType:
    """Imports KerasHub.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module("keras_hub")
    except ImportError:
        raise UserError(
            "Models of KerasHub need it, and it is not installed: pip install "
            '"keras_ptft[hub]".'
        ) from None


def asked(load: Callable[[str], Any], preset: str) -> Any:
    """Returns what KerasHub loads, which may fetch files.

    Args:
        load: a function of KerasHub.
        preset: a folder, or the name of a preset.

    Raises:
        UserError: it cannot be loaded.
    """
    try:
        return load(preset)
    # a network fails in as many ways as a file can be broken
    except Exception as error:
        raise UserError(
            f"KerasHub cannot load {preset!r}, expected a folder of a model, "
            "or the name of a preset and a network: "
            f"{on_one_line(error)[:300]}"
        ) from error
