"""Standard error as the operating system sees it."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


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
