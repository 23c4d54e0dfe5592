"""How much memory a process takes, by what Linux tells of it."""

import pathlib
import re
import threading
from typing import Any

_STATUS = pathlib.Path("/proc/self/status")
_SECONDS = 0.02


class Memory:
    """Watches the memory of this process while its block runs.

    The most that was resident is the kernel's own count of this program
    (VmHWM; `ru_maxrss` begins with that of the process which started it).
    It includes pages of mapped files, which the kernel takes back when
    somebody needs them; what was allocated (RssAnon) does not, and is
    looked at 50 times a second.

    Attributes:
        resident: the most in MB, since the process began.
        allocated: likewise, in the block.
    """

    resident = 0.0
    allocated = 0.0

    @staticmethod
    def known() -> bool:
        """Whether the system tells."""
        return _STATUS.exists() and "RssAnon:" in _STATUS.read_text()

    def __enter__(self) -> "Memory":
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        self._watcher.join()
        self._look()
        self.resident = _megabytes("VmHWM")

    def _watch(self) -> None:
        while not self._over.wait(_SECONDS):
            self._look()

    def _look(self) -> None:
        self.allocated = max(self.allocated, _megabytes("RssAnon"))


def _megabytes(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", _STATUS.read_text())
    return int(found[1]) * 1024 / 1e6
