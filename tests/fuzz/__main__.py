"""Feeds the readers what is almost right, for as long as is asked.

    python -m tests.fuzz                      every reader for 1 minute in all
    python -m tests.fuzz npz --minutes=60     one, with other input each time
    python -m tests.fuzz npz --examples=500   the same input each time

A reader ends in a value or a UserError, in 20 seconds and 4 GB of memory
above what TensorFlow takes, or this ends with an error code. What a crash
was fed stands in the folder that is printed first.
"""

import argparse
import contextlib
import faulthandler
import itertools
import pathlib
import resource
import shutil
import sys
import tempfile
import time
import warnings

from hypothesis import HealthCheck, Phase, given, seed, settings

from keras_ptft.errors import UserError
from tests.fuzz.targets import targets

SECONDS = 20
MOST_MEMORY = 2**32
# 1024 bytes on Linux, 1 on macOS
UNIT = 1 if sys.platform == "darwin" else 1024


def main(words=None):
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--examples", type=int)
    asked = parser.parse_args(words)
    found = targets()
    names = asked.names or list(found)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fuzz-"))
    print(f"in {folder}", flush=True)
    _limit_memory()
    for name in names:
        started, counts = time.monotonic(), {}
        end = started + 60 * asked.minutes / len(names)
        for round_number in itertools.count():
            fuzz(*found[name], folder, counts, asked.examples, round_number)
            if asked.examples or time.monotonic() > end:
                break
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT
        print(
            f"{name}: {sum(counts.values())} examples {counts}, "
            f"{time.monotonic() - started:.0f} s, peak {peak >> 20} MB",
            flush=True,
        )
    shutil.rmtree(folder)
    return 0


def fuzz(strategy, reader, folder, counts, examples, round_number):
    """One round: hypothesis makes each next example from its seed."""

    @seed(round_number)
    @settings(
        max_examples=examples or 200,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def check(value):
        # written before it is read: a native crash leaves nothing else
        (folder / "last.txt").write_text(repr(value), errors="backslashreplace")
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        with contextlib.redirect_stdout(None):
            end = _end(reader, value, folder)
        faulthandler.cancel_dump_traceback_later()
        counts[end] = counts.get(end, 0) + 1

    check()


def _end(reader, value, folder):
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            reader(value, folder)
    except UserError as error:
        if len(str(error).splitlines()) != 1:
            raise ValueError("more than one line") from error
        end = "refused"
    else:
        end = "read"
    # a warning would stand beside the one line
    kinds = [w for w in told if w.category in (RuntimeWarning, UserWarning)]
    if kinds:
        raise ValueError(f"a warning: {kinds[0].message}")
    return end


def _limit_memory():
    with contextlib.suppress(OSError):
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MOST_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    sys.exit(main())
