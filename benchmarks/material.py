"""The data of the benchmark, made once and read by every contestant."""

import pathlib

import numpy as np

from benchmarks import words
from benchmarks.rows import Row
from benchmarks.work import Work

CLASSES = 10
_SIZE = 96
_LENGTH = 64
_VOCABULARY = 1_000
_SUFFIXES = (".jpg", ".jpeg")


def prepare(
    material: str, folder: pathlib.Path, *, manual_dir: str, photos: str
) -> str:
    """Writes the data of a row or section, unless it stands there already.

    Args:
        material: "images", "photos", "paths", "tokens" or "words".
        folder: where it is written.
        manual_dir: MNIST's four files; empty: random images.
        photos: class folders of JPEG files; empty: none.

    Returns:
        What the data is, in a few words; empty where there is none.
    """
    note = folder / f"{material}.txt"
    if not note.exists():
        made = {
            "images": lambda: _images(manual_dir, folder),
            "photos": lambda: _photos(photos, folder),
            "paths": lambda: _paths(photos, folder),
            "words": lambda: (*words.random_texts(3_200), "random texts"),
            "tokens": lambda: (*random_tokens(4_096), "random tokens"),
        }[material]()
        if made is None:
            return ""
        inputs, labels, what = made
        np.savez(folder / material, inputs=inputs, labels=labels)
        note.write_text(what, encoding="utf-8")
    return note.read_text(encoding="utf-8")


def read(row: Row, contestant: str, folder: pathlib.Path, seed: int) -> Work:
    """A contestant's work in a row, with the data that `prepare` wrote."""
    with np.load(folder / f"{row.material}.npz") as data:
        inputs = data["inputs"][: row.examples]
        labels = data["labels"][: row.examples]
    return Work(inputs, labels, row.epochs_of(contestant), seed)


def random_images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy patterns, one a class, shaped as MNIST is.

    A fifth of the labels is random, so that the loss does not fall to 0,
    where no two contestants could be compared.

    Returns:
        uint8 of shape (count, 28, 28, 1) and int64 of shape (count,).
    """
    random = np.random.default_rng(0)
    patterns = random.integers(0, 128, (CLASSES, 28, 28, 1), np.uint8)
    truth = random.integers(0, CLASSES, count)
    noise = random.integers(0, 128, (count, 28, 28, 1), np.uint8)
    return patterns[truth] + noise, _mislabelled(truth, random)


def random_tokens(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences in which one tenth of the vocabulary is the more frequent.

    Returns:
        int32 of shape (count, 64) and int64 of shape (count,).
    """
    random = np.random.default_rng(0)
    truth = random.integers(0, CLASSES, count)
    tokens = random.integers(0, _VOCABULARY, (count, _LENGTH))
    hinting = random.random((count, _LENGTH)) < 0.3
    hints = tokens - tokens % CLASSES + truth[:, None]
    tokens = np.where(hinting, hints, tokens).astype(np.int32)
    return tokens, _mislabelled(truth, random)


def _mislabelled(truth: np.ndarray, random: np.random.Generator) -> np.ndarray:
    wrong = random.random(len(truth)) < 0.2
    drawn = random.integers(0, CLASSES, len(truth))
    return np.where(wrong, drawn, truth).astype(np.int64)


def _images(
    manual_dir: str, folder: pathlib.Path
) -> tuple[np.ndarray, np.ndarray, str]:
    if not manual_dir:
        return *random_images(60_000), "random images shaped as MNIST is"
    import tensorflow as tf

    from keras_ptft.data import Loading, load

    loading = Loading(manual_dir=manual_dir, data_dir=str(folder / "tfds"))
    train = load("mnist", loading).splits["train"]
    everything = tf.range(len(train), dtype=tf.int64)
    return train.gather(everything).numpy(), train.labels, "MNIST"


def _photos(
    photos: str, folder: pathlib.Path
) -> tuple[np.ndarray, np.ndarray, str] | None:
    found = _paths(photos, folder)
    if found is None:
        return None
    import tensorflow as tf

    from keras_ptft.data.sources.image_folder import FolderSource

    paths, labels, what = found
    source = FolderSource(paths, labels, np.zeros(len(paths), "u8"), _SIZE)
    everything = tf.range(len(source), dtype=tf.int64)
    return source.gather(everything).numpy(), labels, what


def _paths(
    photos: str, folder: pathlib.Path
) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Links to 512 photos, in class folders; some twice if there are fewer."""
    every = sorted(pathlib.Path(photos).glob("*/*")) if photos else []
    every = [path for path in every if path.suffix.lower() in _SUFFIXES]
    if not every:
        return None
    names = sorted({path.parent.name for path in every})
    links = []
    for number in range(512):
        path = every[number * 7 % len(every)]
        link = folder / "linked" / path.parent.name / f"{number}.jpg"
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(path.resolve())
        links.append(link)
    labels = np.array([names.index(link.parent.name) for link in links])
    what = f"512 of {len(every)} photos"
    if len(every) < 512:
        what = f"{len(every)} photos, {512 - len(every)} of them twice"
    return np.array([str(link) for link in links]), labels, what
