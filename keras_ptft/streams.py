"""What a process writes to its terminal, silenced."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

from keras_ptft import environment


@contextlib.contextmanager
def silenced_stderr(*, show_on_error: bool = False) -> Iterator[None]:
    """Discards what the process writes to standard error, C++ code too.

    Args:
        show_on_error: write all of it if the block raises.
    """
    sys.stderr.flush()
    original = os.dup(2)
    with (
        tempfile.TemporaryFile() if show_on_error else open(os.devnull, "r+b")
    ) as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        except BaseException:
            if show_on_error:
                sys.stderr.flush()
                file.seek(0)
                os.write(original, file.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)


@contextlib.contextmanager
def without_tensorflow_messages(
    *, show_on_error: bool = False
) -> Iterator[bool]:
    """Discards TensorFlow's messages, unless the environment asks for them.

    It asks by a TF_CPP_MIN_LOG_LEVEL of 0 or 1; where it says nothing, it is
    set to 3.

    Args:
        show_on_error: as in `silenced_stderr`.

    Yields:
        Whether they are discarded.
    """
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if level in ("0", "1"):
        yield False
        return
    with silenced_stderr(show_on_error=show_on_error):
        yield True


@contextlib.contextmanager
def only_warnings() -> Iterator[None]:
    """Discards standard output, and what is logged below a warning."""
    logger = logging.getLogger("keras_ptft")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with (
            open(os.devnull, "w", encoding="utf-8") as devnull,
            contextlib.redirect_stdout(devnull),
        ):
            yield
    finally:
        logger.setLevel(level)


def import_silently(module: str) -> None:
    """Imports a module that needs TensorFlow, without what that writes.

    Args:
        module: its whole name.

    Raises:
        UserError: TensorFlow or Keras is not as it must be.
    """
    with silenced_stderr(show_on_error=True):
        environment.load(module)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
