"""The examples of the benchmarks: real ones where there are some."""

import gzip
import json
import pathlib
import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
from PIL import Image

from benchmarks.common import link

LENGTH = 64
WINDOW = 128
SIDE = 96
"""Of photos, in pixels."""
_PHOTOS = 512
_SENTENCE = 16
_SPECIAL = 4
"""The ids of padding, unknown, mask and end come first."""

Made = tuple[np.ndarray, np.ndarray, str]  # inputs, labels, what they are


def prepare(name: str, folder: pathlib.Path, given: pathlib.Path) -> str:
    """Writes one kind of examples to a folder, unless they are there.

    Args:
        name: "images", "photos", "paths", "tokens", "pieces", "words",
            "characters", "intents", "sentences" or "numbers".
        folder: gets NAME.npz, with inputs and labels.
        given: the folder of real data; what is not there is random, but
            for photos.

    Returns:
        What the examples are, in a few words; empty where there are none.
    """
    path = folder / f"{name}.npz"
    if not path.exists():
        random = np.random.default_rng(0)
        inputs, labels, note = {
            "images": lambda: _images(given / "mnist", random),
            "photos": lambda: _paths(given / "flower_photos", folder),
            "paths": lambda: _paths(given / "flower_photos", folder),
            "tokens": lambda: _tokens(1_000, LENGTH, random),
            "pieces": lambda: _tokens(30_522, _SENTENCE, random),
            "words": lambda: _words(random),
            "characters": lambda: _characters(given, random),
            "intents": lambda: _intents(given, random),
            "sentences": lambda: _sentences(given, random),
            "numbers": lambda: _numbers(random),
        }[name]()
        if not len(inputs):
            return ""
        if name == "photos":
            inputs = np.stack([read_photo(path) for path in inputs])
        np.savez(path, inputs=inputs, labels=labels, note=note)
    with np.load(path) as data:
        return str(data["note"])


def read_photo(path: str, side: int = SIDE) -> np.ndarray:
    """Returns a photo decoded by PIL, uint8 of shape (side, side, 3)."""
    with Image.open(path) as image:
        image = image.convert("RGB")
        return np.array(image.resize((side, side), Image.Resampling.BILINEAR))


def _paths(photos: pathlib.Path, folder: pathlib.Path) -> Made:
    """Links to 512 photos in class folders; fewer photos are repeated."""
    found = sorted(photos.resolve().glob("*/*"))
    found = [p for p in found if p.suffix.lower() in (".jpg", ".jpeg")]
    chosen = (found * _PHOTOS)[: 7 * _PHOTOS : 7]
    classes = sorted({path.parent.name for path in chosen})
    labels = np.array([classes.index(path.parent.name) for path in chosen])
    note = f"{_PHOTOS} of {len(found)} photos"
    if len(found) < _PHOTOS:
        note = f"{len(found)} photos, {_PHOTOS - len(found)} of them twice"
    return np.array(link(chosen, labels, folder / "linked")), labels, note


def _images(folder: pathlib.Path, random: np.random.Generator) -> Made:
    """MNIST, or noisy patterns, one a class."""
    names = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
    if all((folder / name).is_file() for name in names):
        files = (
            gzip.decompress((folder / name).read_bytes()) for name in names
        )
        images, labels = (np.frombuffer(file, np.uint8) for file in files)
        return (
            images[16:].reshape(-1, 28, 28, 1),
            labels[8:].astype(int),
            "MNIST",
        )
    patterns = random.integers(0, 128, (10, 28, 28, 1), np.uint8)
    truth, labels = _classes(60_000, random)
    images = patterns[truth]
    images += random.integers(0, 128, images.shape, np.uint8)
    return images, labels, "random images shaped as MNIST is"


def _tokens(size: int, length: int, random: np.random.Generator) -> Made:
    """Sequences in which one tenth of the vocabulary is more frequent."""
    truth, labels = _classes(6_400, random)
    tokens = random.integers(_SPECIAL, size, (len(truth), length))
    hints = np.maximum(tokens - tokens % 10 + truth[:, None], _SPECIAL)
    tokens = np.where(random.random(tokens.shape) < 0.3, hints, tokens)
    tokens = np.minimum(tokens, size - 1)
    tokens[0, 0] = size - 1
    return tokens.astype(np.int32), labels, "random tokens"


def _classes(count: int, random: np.random.Generator) -> np.ndarray:
    """Classes, and labels a fifth of which is random: no loss falls to 0."""
    truth, other = random.integers(0, 10, (2, count))
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
    return (texts + _SPECIAL).astype(np.int32), topic % 10, "random texts"


def _characters(given: pathlib.Path, random: np.random.Generator) -> Made:
    """Windows of running text, each one character longer than predicted."""
    path = given / "tiny_shakespeare" / "input.txt"
    note, count = "tiny_shakespeare", 2_048
    if path.is_file():
        content = path.read_text("utf-8")[: count * WINDOW + 1]
        _, ids = np.unique(list(content), return_inverse=True)
    else:
        note = "random characters"
        frequencies = 1 / np.arange(1, 66)
        size = count * WINDOW + 1
        ids = random.choice(65, size, p=frequencies / frequencies.sum())
    starts = np.arange(count)[:, None] * WINDOW
    windows = (ids + _SPECIAL)[starts + np.arange(WINDOW + 1)]
    return windows.astype(np.int32), np.zeros(count, np.int64), note


def _intents(given: pathlib.Path, random: np.random.Generator) -> Made:
    """Ids of the words of short texts, padded with 0, and their intents."""
    pairs = _clinc(given)
    if not pairs:
        return _tokens(5_000, _SENTENCE, random)
    pairs = [pairs[index] for index in random.permutation(len(pairs))]
    names = sorted({name for _, name in pairs})
    labels = np.array([names.index(name) for _, name in pairs])
    texts = [text.split()[:_SENTENCE] for text, _ in pairs]
    counts = Counter(word for text in texts for word in text)
    ids = {word: i for i, word in enumerate(sorted(counts), _SPECIAL)}
    inputs = np.zeros((len(texts), _SENTENCE), np.int32)
    for row, text in zip(inputs, texts, strict=True):
        row[: len(text)] = [ids[word] for word in text]
    return inputs, labels, "CLINC150, 15,000 texts"


def _sentences(given: pathlib.Path, random: np.random.Generator) -> Made:
    """10,000 texts of lower-case words; nothing is said of their labels."""
    texts, note = [text for text, _ in _clinc(given)], "CLINC150"
    if not texts:
        note = "random texts"
        words = ("".join(w) for w in random.choice(list("aeionrst"), (999, 4)))
        texts = map(" ".join, random.choice(list(words), (10_000, 9)))
    texts = np.array(list(texts))
    chosen = random.permutation(len(texts))[:10_000]
    return texts[chosen], chosen % 10, note


def _clinc(given: pathlib.Path) -> list[tuple[str, str]]:
    """The training texts of CLINC150 and their intents; none: no such file."""
    path = given / "clinc_oos" / "data_full.json"
    if not path.is_file():
        return []
    pairs: Iterable = json.loads(path.read_text("utf-8"))["train"]
    return [
        (" ".join(re.findall("[a-z]+", text.lower())), name)
        for text, name in pairs
    ]


def _numbers(random: np.random.Generator) -> Made:
    """Rows of a table of 20 numeric columns."""
    rows = random.standard_normal((10_000, 20)).round(4)
    return rows.astype(np.float32), np.arange(10_000) % 10, "random numbers"
