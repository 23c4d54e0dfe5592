"""Measures where the seconds of a run go."""

import contextlib
import time
from collections.abc import Iterator


class Timer:
    """Adds up wall-clock seconds by name.

    Example:

    >>> clock = Timer()
    >>> with clock("data"):
    ...     pass
    >>> list(clock.seconds)
    ['data']
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds so far by name, in the order of first use."""
        return {name: round(s, 3) for name, s in self._seconds.items()}

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Adds the seconds of the `with` block to `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds
