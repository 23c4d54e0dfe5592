"""How far a long pass over examples is."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

_LOG = logging.getLogger("keras_ptft")
_EVERY = 10.0

Part = TypeVar("Part")


def told(
    batches: Iterable[Part],
    what: str,
    *,
    size: Callable[[Any], int] = len,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Part]:
    """Yields batches unchanged, and logs a line every 10 seconds.

    Args:
        batches: what was computed.
        what: it is, after a number: "rows answered".
        size: of a batch, in examples.
        clock: the time in seconds.
    """
    started = last = clock()
    count = 0
    for batch in batches:
        count += size(batch)
        now = clock()
        if now - last >= _EVERY:
            last = now
            pace = count / (now - started)
            _LOG.info("%s %s, %s a second.", f"{count:,}", what, _whole(pace))
        yield batch


def _whole(pace: float) -> str:
    """A pace of two digits.

    Example:

    >>> _whole(3127.4), _whole(0.42)
    ('3,100', '0.42')
    """
    return f"{float(f'{pace:.2g}'):,g}"
