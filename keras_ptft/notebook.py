"""What is below a notebook's cell: found out, and made readable."""

import logging
import os
import sys

from keras_ptft.streams import import_silently


def in_notebook() -> bool:
    """Returns whether what is printed stands below the cell of a notebook.

    That is so in Jupyter, Colab and VS Code, and not while the standard
    output is redirected.
    """
    return type(sys.stdout).__module__.partition(".")[0] == "ipykernel"


def prepare(module: str) -> None:
    """Imports a module of this package as it suits a notebook.

    TensorFlow's messages at its start are not shown. What the program says of
    the data, of its plan and of what it leaves out is shown, unless logging
    is configured already.

    Args:
        module: its whole name.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if module not in sys.modules:
        import_silently(module)
    logger = logging.getLogger("keras_ptft")
    if logger.handlers or logger.level:
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    # Colab has a handler for all that is logged, and would show it again
    logger.propagate = False
