"""The first signal requests a stop, the second has its default effect."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from keras_ptft.training.checkpointing import preemption
from keras_ptft.training.checkpointing.preemption import stop_on_signal
from tests.states import HANG_SECONDS, started

SIGNALS = (signal.SIGINT, signal.SIGTERM)

HEAD = f"""
import ctypes, os, signal, threading, time
from keras_ptft.training.checkpointing import preemption

def report(*words):
    os.write(1, " ".join(map(str, words)).encode() + b"\\n")

def request_stop(number):
    report("requested", int(number))

preemption.PATIENCE_SECONDS = {HANG_SECONDS}
"""
# interpreted, so that Python's handlers run
BUSY = (
    HEAD
    + """
with preemption.stop_on_signal(request_stop):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    report("ready")
    while handlers[0] is signal.getsignal(signal.SIGINT):
        time.sleep(0.001)
    report("handled")
    while True:
        time.sleep(0.001)
"""
)
# stuck in C, as in TensorFlow: Python's handlers cannot run
STUCK = (
    HEAD
    + """
preemption.PATIENCE_SECONDS = 0.0
libc = ctypes.CDLL(None)
mutex, condition = (ctypes.create_string_buffer(64) for _ in range(2))

def report_stuck():
    # the main thread gives up the mutex only while it waits
    libc.pthread_mutex_lock(mutex)
    report("ready")

with preemption.stop_on_signal(request_stop):
    libc.pthread_mutex_lock(mutex)
    threading.Thread(target=report_stuck, daemon=True).start()
    libc.pthread_cond_wait(condition, mutex)
"""
)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """No test of this process ends it because a thread was slow."""
    monkeypatch.setattr(preemption, "PATIENCE_SECONDS", HANG_SECONDS)


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_requests_a_stop_and_nothing_more(number):
    before, requests, event = handlers(), [], threading.Event()

    def request_stop(signum):
        requests.append((signum, threading.current_thread()))
        event.set()

    with stop_on_signal(request_stop):
        os.kill(os.getpid(), number)
        assert event.wait(HANG_SECONDS)
    ((signum, thread),) = requests
    assert signum == number
    assert thread is not threading.main_thread()
    assert handlers() == before
    assert signal.set_wakeup_fd(-1) == -1


def test_all_is_restored_after_an_error():
    before, count = handlers(), threading.active_count()
    with pytest.raises(ValueError), stop_on_signal(print):
        raise ValueError
    assert handlers() == before
    assert threading.active_count() == count


def test_the_second_interrupt_is_pythons_own():
    event = threading.Event()
    with (
        pytest.raises(KeyboardInterrupt),
        stop_on_signal(lambda _: event.set()),
    ):
        signal.raise_signal(signal.SIGINT)
        assert event.wait(HANG_SECONDS)
        signal.raise_signal(signal.SIGINT)
    assert handlers()[0] is signal.default_int_handler


def test_what_is_ignored_stays_ignored():
    requests = []
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_on_signal(requests.append):
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert requests == []


def test_other_threads_change_nothing():
    before, during = handlers(), []

    def work():
        with stop_on_signal(print):
            during.extend(handlers())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert during == before == handlers()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    ("script", "reports", "code_of"),
    [
        # the process ends as if it did not handle the signal
        (BUSY, {"requested", "handled"}, lambda number: -number),
        (STUCK, {"requested"}, lambda number: 128 + number),
    ],
    ids=["busy", "stuck"],
)
def test_the_second_signal_ends_a_process(script, reports, code_of, number):
    words = [sys.executable, "-c", script]
    with started(words, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        lines = [process.stdout.readline() for _ in reports]
        assert {line.split()[0] for line in lines} == reports
        assert f"requested {int(number)}\n" in lines
        process.send_signal(number)
        assert process.wait() == code_of(number)
