"""Folders and tables of files as they may come, and what reads them."""

import contextlib
import csv
import dataclasses
import io
import os
import pathlib
import shutil

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from keras_ptft.data import load
from keras_ptft.data.core.account import account
from keras_ptft.data.core.dataset import Loading
from keras_ptft.errors import UserError

_SPLITS = ("train", "Train", "test", "Test Set", "val", "valid", "eval")
_HIDDEN = ("__MACOSX", "@eaDir", ".git", "._a.png", ".DS_Store", ".png")
_FOLDERS = ("cat", "dog", "cat.v2", "a.png", "e\u0301", "\xe9", "\udcff", " ")
_FILES = (
    *("a.png", "b.PNG", "c.jpg", "d.jpeg.png", "e.txt", "f.TXT", "g.svg"),
    *("Thumbs.db", "noending", "h.png.part", "a b.png", "\udcff.png", "猫.txt"),
    *("-.png", "x" * 251 + ".png", "new\nline.png", "[0].png", "%s.txt"),
)
_LINKS = {"to nothing": "nowhere", "to itself": "", "to a file": "/proc/stat"}
_CONTENTS = st.sampled_from(
    ["image"] * 4 + ["text", "text", "nothing", "bytes", *_LINKS, "to a folder"]
)
_NAMES = st.sampled_from((*_FOLDERS, *_FOLDERS, *_SPLITS, *_HIDDEN))
_PLACES = st.tuples(
    st.lists(_NAMES, max_size=4).map(tuple),
    st.sampled_from((*_FILES, *_FILES, *_HIDDEN, *_SPLITS, *_FOLDERS)),
)
_SOUND = (
    ("",),
    ("train", "test"),
    ("Train", "val", "Test Set"),
    ("train", "other"),
)

TREES = st.tuples(
    st.sampled_from(_SOUND), st.lists(st.tuples(_PLACES, _CONTENTS), max_size=8)
)

_THERE = tuple(f"{pet}/{n}.png" for pet in ("cat", "dog") for n in range(4))
_CELLS = st.sampled_from(_THERE) | st.sampled_from(
    (
        *("ROOT/cat/0.png", "cat/../dog/0.png", "./cat/1.png", " cat/2.png "),
        *("../images/dog/1.png", "cat//3.png", "CAT/0.png", "cat", "", " "),
        *("..", "/", ".", "~", "~nobody/a.png", "/dev/zero", "/proc/stat"),
        *("note.txt", "bad.png", "gone.png", "é.png", "e\u0301.png", "猫.png"),
        *("a\0b.png", "x" * 300, "x/" * 3000, "x" * 200_000, 'a"b,;\n.png'),
        *("http://a.b/c.png", "C:\\a.png", "cat\\0.png", "link.png"),
    )
)
_OWN = "the folder's"
_LABELS = st.sampled_from((*[_OWN] * 12, "cat", "dog", "", " ", "é"))
MANIFESTS = st.tuples(
    st.lists(st.tuples(_CELLS, _LABELS), max_size=6),
    st.sampled_from((True, True, True, False)),
    st.sampled_from((",", ";", "\t")),
)


def _image(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    return stream.getvalue()


def _count(root: pathlib.Path, named: frozenset[str] = frozenset()) -> int:
    """Files in a folder and below, but for those with the given paths."""
    return sum(
        os.path.abspath(os.path.join(top, name)) not in named
        for top, _, files in os.walk(root)
        for name in files
    )


def tree(value, folder):
    """Loads a folder by both rows: every file in it is accounted for."""
    splits, others = value
    root = folder / "tree"
    shutil.rmtree(root, ignore_errors=True)
    for number, split in enumerate(splits):
        for seed in range(6):
            place = root / split / ("cat", "dog")[seed % 2]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{seed}.png").write_bytes(_image(10 * number + seed))
            (place / f"{seed}.txt").write_text(f"text {number} {seed}")
    for seed, ((parents, name), kind) in enumerate(others):
        # two things may want one place
        with contextlib.suppress(OSError):
            _put(root, parents, name, kind, seed)
    # so that few files too are divided
    loading = Loading(image_size=8, skip_bad_images=True, stratify=True)
    for row in ("folder", "textfolder"):
        with contextlib.suppress(UserError):
            _check_found(load(f"{row}:{root}", loading), _count(root))


def _put(root, parents, name, kind, seed):
    place = root.joinpath(*parents)
    place.mkdir(parents=True, exist_ok=True)
    path = place / name
    if kind in _LINKS:
        path.symlink_to(_LINKS[kind] or path)
    elif kind == "to a folder":
        # folders of splits and classes are followed, which a count is not
        deep = place if len(parents) > 1 else place / "cat" / "inside"
        deep.mkdir(parents=True, exist_ok=True)
        (deep / name).symlink_to(root)
    else:
        contents = {
            "image": _image(100 + seed),
            "text": f"more text {seed}".encode(),
            "bytes": bytes(range(256)),
            "nothing": b"",
        }
        with open(path, "xb") as stream:
            stream.write(contents[kind])


def manifest(value, folder):
    """Loads images that a table names: every row and file is accounted for."""
    rows, skipped, sign = value
    root = folder / "images"
    if not root.exists():
        _write_images(root)
    rows = [(name, _OWN) for name in _THERE] + rows
    rows = [
        (cell.replace("ROOT", str(root)), label.replace(_OWN, _pet(cell)))
        for cell, label in rows
    ]
    table = folder / "images.csv"
    with open(table, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=sign).writerows([("file", "label"), *rows])
    shutil.copy(table, root / "table.csv")
    loading = Loading(
        image_size=8,
        skip_bad_images=skipped,
        image_column="file",
        stratify=True,
    )
    with contextlib.suppress(UserError):
        load(f"csv:{root}/table.csv", loading)
    (root / "table.csv").unlink()
    loading = dataclasses.replace(loading, image_root=str(root))
    dataset = load(f"csv:{table}", loading)
    named = frozenset(os.path.abspath(root / cell.strip()) for cell, _ in rows)
    _check_found(dataset, len(rows) + _count(root, named))


def _pet(cell):
    """The label of the images that are there, and of others."""
    return "dog" if "dog/" in cell else "cat"


def _write_images(root):
    for seed, name in enumerate(_THERE):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(_image(seed))
    for seed, name in enumerate(("é.png", "猫.png")):
        (root / name).write_bytes(_image(50 + seed))
    (root / "note.txt").write_text("no image")
    (root / "bad.png").write_text("no image")
    (root / "link.png").symlink_to(root / "cat/0.png")
    (root / "broken.png").symlink_to(root / "nowhere")


def _check_found(dataset, count):
    found = account(dataset).found
    if found != count:
        raise ValueError(f"{found} accounted for, {count} there")
