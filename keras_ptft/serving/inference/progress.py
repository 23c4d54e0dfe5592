"""How far a long prediction is."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

_LOG = logging.getLogger("keras_ptft")
_EVERY = 10.0

Row = TypeVar("Row")


def told(
    batches: Iterable[Sequence[Row]],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Sequence[Row]]:
    """Yields batches unchanged, and logs a line every 10 seconds.

    Args:
        batches: rows that were answered.
        clock: the time in seconds.
    """
    started = last = clock()
    count = 0
    for rows in batches:
        count += len(rows)
        now = clock()
        if now - last >= _EVERY:
            last = now
            pace = count / (now - started)
            _LOG.info(
                "%s rows answered, %s a second.", f"{count:,}", _whole(pace)
            )
        yield rows


def _whole(pace: float) -> str:
    """A pace of two digits.

    Example:

    >>> _whole(3127.4), _whole(0.42)
    ('3,100', '0.42')
    """
    return f"{float(f'{pace:.2g}'):,g}"
