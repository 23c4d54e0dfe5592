"""Stops a training on a signal, at its next step."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

PATIENCE_SECONDS = 1.0
"""Time that the main thread has to end by itself after a second signal."""

# Ctrl-C, and what a cluster sends before it takes a machine back
_DEFAULTS: dict[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


@contextlib.contextmanager
def stop_on_signal(request_stop: Callable[[int], None]) -> Iterator[None]:
    """Calls `request_stop` with the number of the first SIGINT or SIGTERM.

    It is called at once in a thread of its own: Python runs signal handlers
    only when TensorFlow returns from a call, which may take many steps. A
    second signal has its default effect; if TensorFlow does not return
    within `PATIENCE_SECONDS`, the process exits with 128 plus the signal's
    number. Signals that the process ignored stay ignored.

    Outside the main thread it does nothing: Python allows signal handlers
    only there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    over = threading.Event()
    thread = threading.Thread(
        target=_listen, args=(reader, request_stop, over), daemon=True
    )
    handlers = {number: signal.getsignal(number) for number in _DEFAULTS}
    ignored = (None, signal.SIG_IGN)
    handlers = {n: h for n, h in handlers.items() if h not in ignored}
    wakeup_fd = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in handlers:
        signal.signal(number, _take_first)
    thread.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(wakeup_fd)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        thread.join()
        os.close(reader)


def _take_first(number: int, frame: FrameType | None) -> None:
    """Ignores the first signal; the next one has its default effect."""
    del number, frame
    for each, default in _DEFAULTS.items():
        if signal.getsignal(each) is _take_first:
            signal.signal(each, default)


def _listen(
    reader: int, request_stop: Callable[[int], None], over: threading.Event
) -> None:
    requested = False
    # the read returns nothing once the writing end is closed
    while numbers := os.read(reader, 64):
        for number in filter(_DEFAULTS.__contains__, numbers):
            if not requested:
                requested = True
                request_stop(number)
            elif not over.wait(PATIENCE_SECONDS):
                os._exit(128 + number)
