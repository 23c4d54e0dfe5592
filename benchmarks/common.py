"""What contestants are given and return, their data and their processes."""

import contextlib
import dataclasses
import gzip
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

BATCH_SIZE = 64
CLASSES = 10
CPUS = 2
LENGTH = 64
PHOTO = (96, 96, 3)
ROOT = pathlib.Path(__file__).parent.parent
STATUS = pathlib.Path("/proc/self/status")
_PHOTOS = 512
VOCABULARY = 1_000

Made = tuple[np.ndarray, np.ndarray, str]  # inputs, labels, what they are


@dataclasses.dataclass(frozen=True)
class Work:
    """What every contestant is given.

    Inputs are uint8 images, int32 tokens or paths of image files, of shape
    (examples, ...); labels int64 from 0 to 9. They make whole batches, so
    nothing is dropped. The seed is of weights and order.
    """

    inputs: np.ndarray
    labels: np.ndarray
    epochs: int
    seed: int = 0


@dataclasses.dataclass
class Outcome:
    """What a contestant took and how it learned.

    Seconds and losses are of each epoch, a loss the mean over its batches:
    of pixels where nothing is trained; the limits have none. The total is
    from a model and data in memory to the end, with everything that is
    traced, compiled or computed in advance.
    """

    seconds: list[float]
    losses: list[float]
    total: float
    parameters: int = 0


def timed(epochs: int, run_epoch: Callable[[], Any]) -> Outcome:
    """Returns what some epochs took, with the losses that they return."""
    seconds, losses = [], []
    for _ in range(epochs):
        start = time.perf_counter()
        losses.append(run_epoch())
        seconds.append(time.perf_counter() - start)
    losses = [loss for loss in losses if isinstance(loss, float)]
    return Outcome(seconds, losses, sum(seconds))


def read_pixels(epochs: int, batches: Callable[[], Iterable]) -> Outcome:
    """Returns what reading took: `batches` returns an epoch's images."""
    return timed(
        epochs, lambda: float(np.mean([x.numpy().mean() for x in batches()]))
    )


@contextlib.contextmanager
def peak_memory() -> Iterator[dict[str, float]]:
    """Yields a dict that gets the most MB that this process takes.

    "resident" is the kernel's maximum since it began (VmHWM), with pages of
    mapped files; "allocated" (RssAnon), without, is read 50 times a second.
    """
    peak, ended = {"allocated": 0.0}, threading.Event()

    def megabytes(name: str) -> float:
        found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
        return int(found[1]) * 1024 / 1e6 if found else 0.0

    def watch() -> None:
        while not ended.wait(0.02):
            peak["allocated"] = max(peak["allocated"], megabytes("RssAnon"))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    yield peak
    ended.set()
    watcher.join()
    peak["resident"] = megabytes("VmHWM")


def limit_threads() -> None:
    """Limits the processes that this one starts to 2 CPUs and 2 threads."""
    for name in ("OMP_NUM", "MKL_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
        os.environ[f"{name}_THREADS"] = str(CPUS)
    # other systems have no such function
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CPUS])


def call(module: str, function: str, *arguments: str | int) -> Any:
    """Returns what a function returns, as JSON, in a process of its own."""
    called = f"print(json.dumps({module}.{function}{arguments!r}))"
    code = f"import json; from benchmarks import {module}; {called}"
    return json.loads(run([sys.executable, "-c", code]).splitlines()[-1])


def run(command: Sequence[str]) -> str:
    """Returns what a command prints; raises RuntimeError if it fails."""
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-20:])
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{last}")
    return done.stdout


def prepare(name: str, folder: pathlib.Path, mnist: str, photos: str) -> str:
    """Writes one kind of data to a folder, unless it is there.

    Args:
        name: "images", "photos", "paths", "tokens" or "words".
        folder: gets NAME.npz, with inputs and labels.
        mnist: folder with MNIST's training files; empty: random images.
        photos: folder of class folders of JPEG files; empty: none.

    Returns:
        What the data is, in a few words; empty where there is none.
    """
    path = folder / f"{name}.npz"
    if not path.exists():
        random = np.random.default_rng(0)
        inputs, labels, note = {
            "images": lambda: _mnist(mnist) if mnist else _images(random),
            "photos": lambda: _paths(photos, folder),
            "paths": lambda: _paths(photos, folder),
            "tokens": lambda: _tokens(random),
            "words": lambda: _words(random),
        }[name]()
        if not len(inputs):
            return ""
        if name == "photos":
            inputs = np.stack([read_photo(path) for path in inputs])
        np.savez(path, inputs=inputs, labels=labels, note=note)
    with np.load(path) as data:
        return str(data["note"])


def read(path: str, examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first inputs and labels that `prepare` wrote to a file."""
    with np.load(path) as data:
        return data["inputs"][:examples], data["labels"][:examples]


def read_photo(path: str) -> np.ndarray:
    """Returns a photo decoded by PIL, uint8 of shape (96, 96, 3)."""
    with Image.open(path) as image:
        image = image.convert("RGB")
        return np.array(image.resize(PHOTO[:2], Image.Resampling.BILINEAR))


def link(paths: Iterable, labels: Iterable, folder: pathlib.Path) -> list[str]:
    """Returns links to files, in a folder of one folder a label."""
    links = []
    for index, (path, label) in enumerate(zip(paths, labels, strict=True)):
        target = folder / str(label) / f"{index}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to(path)
        links.append(str(target))
    return links


def _paths(photos: str, folder: pathlib.Path) -> Made:
    """Links to 512 photos in class folders; fewer photos are repeated."""
    found = sorted(pathlib.Path(photos).resolve().glob("*/*")) if photos else []
    found = [p for p in found if p.suffix.lower() in (".jpg", ".jpeg")]
    chosen = (found * _PHOTOS)[: 7 * _PHOTOS : 7]
    classes = sorted({path.parent.name for path in chosen})
    labels = np.array([classes.index(path.parent.name) for path in chosen])
    note = f"{_PHOTOS} of {len(found)} photos"
    if len(found) < _PHOTOS:
        note = f"{len(found)} photos, {_PHOTOS - len(found)} of them twice"
    return np.array(link(chosen, labels, folder / "linked")), labels, note


def _mnist(folder: str) -> Made:
    names = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
    paths = (pathlib.Path(folder, name) for name in names)
    images, labels = (gzip.decompress(path.read_bytes()) for path in paths)
    pixels = np.frombuffer(images, np.uint8, offset=16)
    classes = np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)
    return pixels.reshape(-1, 28, 28, 1), classes, "MNIST"


def _images(random: np.random.Generator) -> Made:
    """Noisy patterns, one a class."""
    patterns = random.integers(0, 128, (CLASSES, 28, 28, 1), np.uint8)
    truth, labels = _classes(60_000, random)
    images = patterns[truth]
    images += random.integers(0, 128, images.shape, np.uint8)
    return images, labels, "random images shaped as MNIST is"


def _tokens(random: np.random.Generator) -> Made:
    """Sequences in which one tenth of the vocabulary is more frequent."""
    truth, labels = _classes(4_096, random)
    tokens = random.integers(0, VOCABULARY, (len(truth), LENGTH))
    hints = tokens - tokens % CLASSES + truth[:, None]
    tokens = np.where(random.random(tokens.shape) < 0.3, hints, tokens)
    return tokens.astype(np.int32), labels, "random tokens"


def _classes(count: int, random: np.random.Generator) -> np.ndarray:
    """Classes, and labels a fifth of which is random: no loss falls to 0."""
    truth, other = random.integers(0, CLASSES, (2, count))
    return np.stack([truth, np.where(random.random(count) < 0.2, other, truth)])


def _words(random: np.random.Generator) -> Made:
    """Texts in which words are as frequent as in English (Zipf 1949).

    Half the words of a text come from the fiftieth of the vocabulary that
    belongs to its topic, so there is something to learn.
    """
    frequencies = 1 / np.arange(2, 5_002)
    frequencies /= frequencies.sum()
    drawn = random.choice(5_000, (3_200, LENGTH), p=frequencies)
    topic = random.integers(0, 50, len(drawn))
    near = drawn - drawn % 50 + topic[:, None]
    texts = np.where(random.random(drawn.shape) < 0.5, near, drawn)
    # after the ids of padding, unknown, mask and end
    return (texts + 4).astype(np.int32), topic % CLASSES, "random texts"
