"""Imports what needs TensorFlow, late and quietly."""

import gc
import importlib
import logging
import os
import sys
from collections.abc import Set
from typing import Any

from keras_ptft import environment, extensions
from keras_ptft.streams import without_tensorflow_messages

_JOINING = {"multi_worker", "tpu"}


def load(module: str, strategies: Set[str] = frozenset()) -> Any:
    """Returns a module that needs TensorFlow, without its messages.

    C++ writes them before any setting can silence it, and again when the
    devices are first listed. So the stream itself is captured; if the import
    fails, all of it is shown. Strategies that join other machines must find
    the devices uninitialised. Modules of the user's come last.

    Args:
        module: its name after "keras_ptft.".
        strategies: values of --strategy that it will train by.

    Raises:
        UserError: a module of the user's cannot be imported.
    """
    joins = strategies & _JOINING or "TF_CONFIG" in os.environ
    with without_tensorflow_messages(show_on_error=True) as silenced:
        loaded = _imported(f"keras_ptft.{module}")
        if silenced and not joins:
            config = importlib.import_module("tensorflow").config
            config.list_logical_devices()
    if silenced:
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    extensions.import_modules()
    return loaded


def _imported(name: str) -> Any:
    """Imports a module, whose objects the garbage collector then leaves out.

    It would go through TensorFlow's objects again and again, and all of them
    stay.
    """
    if name in sys.modules or not gc.isenabled():
        return environment.load(name)
    gc.disable()
    try:
        loaded = environment.load(name)
        gc.freeze()
    finally:
        gc.enable()
    return loaded
