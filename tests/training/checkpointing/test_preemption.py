"""A signal asks once, a second one ends the process at once."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from keras_ptft.training.checkpointing.preemption import stop_on_signal

SIGNALS = (signal.SIGINT, signal.SIGTERM)

# stuck as TensorFlow is: no handler of Python's runs before it returns
STUCK = """
import ctypes
from keras_ptft.training.signals import stop_on_signal

mutex = ctypes.create_string_buffer(64)
with stop_on_signal(lambda number: print("asked", number, flush=True)):
    print("ready", flush=True)
    for _ in range(2):
        ctypes.CDLL(None).pthread_mutex_lock(mutex)
"""
# interpreted, so that handlers of Python's run
BUSY = """
import time
from keras_ptft.training.signals import stop_on_signal

with stop_on_signal(lambda number: print("asked", number, flush=True)):
    print("ready", flush=True)
    for _ in range(6000):
        time.sleep(0.01)
"""


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_nothing_more(number):
    before, asked, event = handlers(), [], threading.Event()

    def ask(signum):
        asked.append((signum, threading.current_thread()))
        event.set()

    with stop_on_signal(ask):
        os.kill(os.getpid(), number)
        assert event.wait(10)
    ((signum, thread),) = asked
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
        assert event.wait(10)
        signal.raise_signal(signal.SIGINT)
    assert handlers()[0] is signal.default_int_handler


def test_what_is_ignored_stays_ignored():
    asked = []
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_on_signal(asked.append):
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert asked == []


def test_other_threads_change_nothing():
    before, during = handlers(), []

    def work():
        with stop_on_signal(print):
            during.extend(handlers())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert during == before == handlers()


@pytest.mark.parametrize(
    ("script", "number", "codes"),
    [
        (BUSY, signal.SIGINT, {-signal.SIGINT}),
        (BUSY, signal.SIGTERM, {-signal.SIGTERM}),
        (STUCK, signal.SIGINT, {130}),
        # the first may come just before it is stuck, and is handled then
        (STUCK, signal.SIGTERM, {143, -signal.SIGTERM}),
    ],
    ids=["busy int", "busy term", "stuck int", "stuck term"],
)
def test_the_second_signal_ends_a_process(script, number, codes):
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == f"asked {int(number)}\n"
        process.send_signal(number)
        assert process.wait(30) in codes
