"""Processor, memory, disks and clock."""

import contextlib
import functools
import math
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Iterator

from keras_ptft import environment, files
from keras_ptft.comparison.machine import processor_facts, usable_cores
from keras_ptft.doctor.finding import Finding, failed, ok, warning
from keras_ptft.doctor.settings import DoctorConfig
from keras_ptft.errors import UserError
from keras_ptft.quantities import short

_INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 BF16",
    "amx_bf16": "AMX BF16",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "BF16",
}
_CGROUP = pathlib.Path("/sys/fs/cgroup")
_SHARED = pathlib.Path("/dev/shm")
_LEAST_MEMORY = 1e9
_GOOD_MEMORY = 4e9
_LEAST_SHARED = 6.4e7
_LEAST_DISK = 5e8
_GOOD_DISK = 1e10
_CHOSEN_BY = {
    "runs": "--runs_dir",
    "data sets": "TFDS_DATA_DIR",
    "temporary files": "TMPDIR",
}
# a folder of more files is measured in part
_MOST_FILES = 50_000
# of the clock of a file server
_SKEW_SECONDS = 5.0
# this package is younger
_EARLIEST = time.mktime((2026, 1, 1, 0, 0, 0, 0, 0, 0))

_size = functools.partial(short, unit="B")


def processor(config: DoctorConfig) -> Iterator[Finding]:
    """Its name and the instructions that TensorFlow is fast with."""
    del config
    facts = processor_facts()
    found = [t for flag, t in _INSTRUCTIONS.items() if flag in facts.flags]
    text = f"{facts.name}, {', '.join(found) or 'no vector instructions'}"
    if facts.flags and "avx" not in facts.flags and "asimd" not in facts.flags:
        remedy = "TensorFlow's wheels need AVX: use another machine"
        yield failed(text, remedy, name=facts.name)
        return
    yield ok(text, name=facts.name, instructions=found)


def cores(config: DoctorConfig) -> Iterator[Finding]:
    """Cores that there are, and that this process may use."""
    del config
    seen, allowed = os.cpu_count() or 1, usable_cores()
    quota = cpu_quota(_CGROUP)
    facts = {"seen": seen, "allowed": allowed, "quota": quota}
    text = f"{allowed} of {seen} may be used"
    if quota is None or quota >= allowed:
        yield ok(text, **facts)
        return
    threads = max(math.floor(quota), 1)
    yield warning(
        f"{text}, for the time of {quota:g} (cgroup)",
        "TensorFlow starts a thread for each and is halted: export "
        f"TF_NUM_INTRAOP_THREADS={threads} TF_NUM_INTEROP_THREADS={threads}",
        **facts,
    )


def cpu_quota(cgroup: pathlib.Path) -> float | None:
    """Returns the cores whose time a control group may use; None: all.

    Args:
        cgroup: folder of the group, of version 2 or 1.
    """
    with contextlib.suppress(OSError, ValueError):
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):
        used, every = (
            int((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text())
            for name in ("quota", "period")
        )
        return None if used < 0 else used / every
    return None


def memory(config: DoctorConfig) -> Iterator[Finding]:
    """Memory that there is, that is left, and that this process may take."""
    del config
    if (told := _memory()) is None:
        yield ok("not known on this system")
        return
    total, available = told
    limit = memory_limit(_CGROUP)
    facts = {"total": total, "available": available, "limit": limit}
    text = f"{_size(available)} free of {_size(total)}"
    left = available
    if limit is not None and limit < total:
        text += f", {_size(limit)} allowed (cgroup)"
        left = min(left, limit)
    remedy = "end other programs, or take a smaller --batch_size and model"
    if left < _LEAST_MEMORY:
        yield failed(text, remedy, **facts)
    elif left < _GOOD_MEMORY:
        yield warning(text, remedy, **facts)
    else:
        yield ok(text, **facts)


def memory_limit(cgroup: pathlib.Path) -> int | None:
    """Returns the bytes that a control group may take; None: all.

    Args:
        cgroup: folder of the group, of version 2 or 1.
    """
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            return int((cgroup / name).read_text())
    return None


def shared_memory(config: DoctorConfig) -> Iterator[Finding]:
    """Memory through which several GPUs exchange gradients."""
    del config
    if not _SHARED.is_dir():
        yield ok("no /dev/shm on this system")
        return
    usage = shutil.disk_usage(_SHARED)
    text = f"{_size(usage.free)} free of {_size(usage.total)} in {_SHARED}"
    facts = {"total": usage.total, "free": usage.free}
    if usage.free < _LEAST_SHARED:
        remedy = "several GPUs need it: docker run --shm-size=1g"
        yield warning(text, remedy, **facts)
    else:
        yield ok(text, **facts)


def disks(config: DoctorConfig) -> Iterator[Finding]:
    """Space for runs, data sets and temporary files, and if it is written."""
    for title, path in _folders(config).items():
        if files.is_url(path):
            yield ok(f"{title} in {path}, which is not looked at", path=path)
            continue
        place = pathlib.Path(path).absolute()
        there = next(p for p in (place, *place.parents) if p.is_dir())
        free = shutil.disk_usage(there).free
        facts = {"path": str(path), "free": free}
        text = f"{_size(free)} free for {title} in {path}"
        try:
            files.check_folder(path, "runs_dir")
        except UserError:
            yield failed(
                f"{text}, which cannot be written",
                f"choose another place by {_CHOSEN_BY[title]}",
                **facts,
            )
            continue
        remedy = "make room: keras-ptft runs --delete=NAME removes runs"
        if free < _LEAST_DISK:
            yield failed(text, remedy, **facts)
        elif free < _GOOD_DISK:
            yield warning(text, remedy, **facts)
        else:
            yield ok(text, **facts)


def caches(config: DoctorConfig) -> Iterator[Finding]:
    """What is kept to save time, and may be removed."""
    kept = {
        "features": pathlib.Path(config.runs_dir) / ".features",
        "data sets": pathlib.Path(_data_dir()),
        "Keras": pathlib.Path(environment.keras_home()),
    }
    for title, path in kept.items():
        count, exact = folder_size(path)
        about = _size(count) if exact else f"at least {_size(count)}"
        yield ok(f"{title}: {about} in {path}", path=str(path), bytes=count)


def clock(config: DoctorConfig) -> Iterator[Finding]:
    """Whether the clock agrees with itself and with that of the files."""
    now, facts = time.time(), {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    if now < _EARLIEST:
        yield failed(
            f"{facts['time']} is past", "set the clock: downloads fail", **facts
        )
        return
    skew = _skew(pathlib.Path(config.runs_dir))
    future = _in_the_future(pathlib.Path(config.runs_dir), now)
    if skew is not None and abs(skew) > _SKEW_SECONDS:
        yield warning(
            f"files in {config.runs_dir} are dated {skew:+.0f} s from now",
            "set the clock of this machine or of the file server",
            skew=skew,
            **facts,
        )
    elif future:
        yield warning(
            f"{future} in {config.runs_dir} is dated later than now",
            "the clock was put back: `runs` may sort by wrong dates",
            **facts,
        )
    else:
        known = "not compared with files" if skew is None else "as files say"
        yield ok(f"{facts['time']}, {known}", **facts)


def folder_size(path: pathlib.Path) -> tuple[int, bool]:
    """Returns the bytes of the files in a folder, and whether it is all.

    Args:
        path: of the folder; it need not exist.
    """
    total = seen = 0
    for parent, _, names in os.walk(path):
        for name in names:
            seen += 1
            if seen > _MOST_FILES:
                return total, False
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total, True


def _folders(config: DoctorConfig) -> dict[str, str]:
    return {
        "runs": config.runs_dir,
        "data sets": _data_dir(),
        "temporary files": tempfile.gettempdir(),
    }


def _data_dir() -> str:
    home = os.path.join("~", "tensorflow_datasets")
    return os.path.expanduser(os.environ.get("TFDS_DATA_DIR", home))


def _memory() -> tuple[int, int] | None:
    """Bytes that there are, and that are free or can be made so."""
    with contextlib.suppress(OSError, KeyError):
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
        pairs = (line.split()[:2] for line in lines)
        known = {name.rstrip(":"): 1024 * int(kb) for name, kb in pairs}
        return known["MemTotal"], known["MemAvailable"]
    if not hasattr(os, "sysconf"):
        # Windows
        return None
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return total, total


def _skew(folder: pathlib.Path) -> float | None:
    """How much later a new file is dated than it is made, in seconds."""
    if not folder.is_dir():
        return None
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as f:
        f.write(b"now")
        f.flush()
        return os.fstat(f.fileno()).st_mtime - time.time()
    return None


def _in_the_future(folder: pathlib.Path, now: float) -> str:
    """The name of something in a folder that is dated later than now."""
    if not folder.is_dir():
        return ""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.stat(follow_symlinks=False).st_mtime > now + _SKEW_SECONDS:
                return entry.name
    return ""
