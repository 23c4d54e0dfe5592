"""Runs keras_ptft, and kills the process at a chosen change of its files.

    python -m tests.crash AIMS -- pretrain --name=x ...

A process that is killed leaves nothing but files, so a moment between two
changes of them is as good as any other between the same two. AIMS is JSON, a
list of `Aim`s of which the first to come counts.
"""

import contextlib
import dataclasses
import fnmatch
import json
import os
import pathlib
import signal
import sys
import threading

CHANGES = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir")


@dataclasses.dataclass(frozen=True)
class Aim:
    """A moment in the life of a process.

    Attributes:
        change: the audit event: one of CHANGES; "*": any of them.
        path: pattern of the absolute path that is changed or opened for
            writing; of "os.rename", the new path.
        count: how many such changes until then.
        after: whether the change is done then, and the next one is not;
            or else it is not done, or half done if change is "open".
        worker: index of the worker that is killed; -1: not a worker.
        once: file that is created then; if it exists, nothing happens.
    """

    change: str
    path: str = "*"
    count: int = 1
    after: bool = False
    worker: int = -1
    once: str = ""

    def matches(self, change: str, path: str) -> bool:
        fits = self.change in ("*", change)
        return fits and fnmatch.fnmatchcase(path, self.path)


class Watch:
    """An audit hook that kills the process at an aim."""

    def __init__(self, aims: list[Aim]) -> None:
        self._left = {aim: aim.count for aim in aims}
        self._armed: Aim | None = None
        self._dying = False
        self._lock = threading.RLock()
        self.changes = 0

    def __call__(self, event: str, args: tuple) -> None:
        if event not in CHANGES or not (path := _changed_path(event, args)):
            return
        with self._lock:
            if self._dying:
                return
            self.changes += 1
            if self._armed is not None:
                self._die(self._armed, f"before {event} {path}")
            for aim in self._left:
                if aim.matches(event, path):
                    self._left[aim] -= 1
                    if self._left[aim] == 0 and aim.after:
                        self._armed = aim
                    elif self._left[aim] == 0:
                        self._die(aim, f"at {event} {path}", path)

    def _die(self, aim: Aim, moment: str, path: str = "") -> None:
        self._dying = True
        if path and aim.change == "open":
            with contextlib.suppress(OSError):
                pathlib.Path(path).write_text("half")
        if aim.once:
            pathlib.Path(aim.once).touch()
        os.write(2, f"killed {moment}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def _changed_path(event: str, args: tuple) -> str:
    """The absolute path that an event changes, or nothing."""
    path = args[1] if event == "os.rename" else args[0]
    if event == "open":
        flags = args[2] or 0
        if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return ""
    if isinstance(path, int):
        return ""
    path = os.path.abspath(os.fsdecode(path))
    # files elsewhere, such as caches, are no part of a run
    folders = os.getcwd(), os.environ.get("TMPDIR", os.getcwd())
    return path if path.startswith(folders) else ""


def _is_meant(aim: Aim) -> bool:
    task = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {})
    done = bool(aim.once) and os.path.exists(aim.once)
    return task.get("index", -1) == aim.worker and not done


def main() -> int:
    aims = [Aim(**fields) for fields in json.loads(sys.argv[1])]
    words = sys.argv[sys.argv.index("--") + 1 :]
    return watched(words, aims)


def watched(words: list[str], aims: list[Aim], devices: int = 1) -> int:
    """Runs a command until it ends or meets an aim; returns its exit code.

    Args:
        words: of the command.
        aims: the first to come counts.
        devices: logical CPUs, which mirrored training takes for devices.
    """
    if devices > 1:
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        several = [tf.config.LogicalDeviceConfiguration()] * devices
        tf.config.set_logical_device_configuration(cpu, several)
    from keras_ptft.main import main as run

    watch = Watch([aim for aim in aims if _is_meant(aim)])
    sys.addaudithook(watch)
    code = run(words)
    print(f"changes {watch.changes}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
