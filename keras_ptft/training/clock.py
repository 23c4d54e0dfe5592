"""Where the seconds of a run went."""

import contextlib
import time
from collections.abc import Iterator


class Clock:
    """Adds up wall-clock seconds by name.

    Attributes:
        seconds: name to seconds, in the order of first use.

    Example:

    >>> clock = Clock()
    >>> with clock("data"):
    ...     pass
    >>> list(clock.seconds)
    ['data']
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Counts what its block takes under `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = self.seconds.get(name, 0.0) + time.perf_counter() - start
            self.seconds[name] = round(spent, 3)
