"""Stopping on request: at the next step, with everything saved."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

# a person's Ctrl-C, and what a cluster sends before it takes a machine back
_DEFAULTS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
# seconds that the main thread has to end by itself
_PATIENCE = 1.0


@contextlib.contextmanager
def stop_on_signal(request: Callable[[int], None]) -> Iterator[None]:
    """Calls `request` with the number of the first SIGINT or SIGTERM.

    It is called in a thread of its own, at once: handlers of Python's wait
    until TensorFlow returns from a call, which may be many steps long. A
    second signal ends the process as if it were not handled, and a second
    later even where TensorFlow does not return. What the process was told
    to ignore it goes on to ignore.

    Outside the main thread, where Python lets nobody handle signals, it
    does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    over = threading.Event()
    thread = threading.Thread(
        target=_listen, args=(reader, request, over), daemon=True
    )
    handlers = {number: signal.getsignal(number) for number in _DEFAULTS}
    ignored = (None, signal.SIG_IGN)
    handlers = {n: h for n, h in handlers.items() if h not in ignored}
    waker = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in handlers:
        signal.signal(number, _once)
    thread.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(waker)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        thread.join()
        os.close(reader)


def _once(number: int, frame: object) -> None:
    """Takes the first signal; the next one acts as it does by default."""
    del number, frame
    for each, default in _DEFAULTS.items():
        if signal.getsignal(each) is _once:
            signal.signal(each, default)


def _listen(
    reader: int, request: Callable[[int], None], over: threading.Event
) -> None:
    asked = False
    # empty when the writing end is closed
    while numbers := os.read(reader, 64):
        for number in filter(_DEFAULTS.__contains__, numbers):
            if not asked:
                asked = True
                request(number)
            elif not over.wait(_PATIENCE):
                os._exit(128 + number)
