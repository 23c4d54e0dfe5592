"""The readers that are fuzzed, each with what it is fed."""

import contextlib
import io
import os
import pathlib
import shutil
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from hypothesis import strategies as st
from PIL import Image

from keras_ptft.config import Config
from keras_ptft.data import DATASETS, load
from keras_ptft.data.core.dataset import Loading
from keras_ptft.errors import UserError
from keras_ptft.main import main
from keras_ptft.models import BACKBONES
from keras_ptft.models.saved import load_model
from keras_ptft.registry import lookup
from keras_ptft.serving.inputs.arrays import input_batches
from keras_ptft.training.optimizers.optimizers import OPTIMIZERS
from tests.fuzz import file_trees, strategies

SMALL = Loading(image_size=8)
TEXTS = Loading(text_columns=("text", "b"), group_column="a")
VECTOR = tf.TensorSpec((6,), tf.float32, "vector")
_TEXTS = [
    'text\tlabel\nab 猫\t1\n"x\t2\n'.encode(),
    '{"text": "a\\u00e9", "label": 1}\n{"text": "猫", "label": 2}\n'.encode(),
    "-DOCSTART- O\n\nU.N. X B-ORG\nin X O\n\n猫 X I-LOC\n".encode(),
]


def _encoded(kind, mode="RGB", **options):
    noise = np.random.default_rng(0).integers(0, 255, (24, 16, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def _pictures():
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [Image.new("RGB", (9, 9), name) for name in ("red", "blue")]
    return [
        *(_encoded(kind) for kind in ("JPEG", "PNG", "BMP", "GIF")),
        _encoded("JPEG", progressive=True, exif=exif),
        _encoded("JPEG", "CMYK"),
        _encoded("BMP", "P"),
        _encoded("PNG", "P"),
        _encoded("PNG", "RGBA"),
        _encoded("GIF", "P", save_all=True, append_images=frames),
    ]


def _saved_model():
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(4, activation="relu")(inputs)
    hidden = keras.layers.BatchNormalization()(hidden)
    model = keras.Model(inputs, keras.layers.Dropout(0.1)(hidden))
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "model.keras")
        model.save(file)
        return file.read_bytes()


def _npy_file():
    stream = io.BytesIO()
    np.save(stream, np.ones((9, 6)))
    return stream.getvalue()


def _table():
    rows = "".join(f"{n},-{n}.5,{n}e0,1,2,3,{n % 2}\n" for n in range(40))
    return f"a,b,c,d,e,f,label\n{rows}".encode()


def _npz_file():
    stream = io.BytesIO()
    x, y = np.ones((40, 6), np.float32), np.arange(40) % 2
    np.savez_compressed(stream, x=x, y=y)
    return stream.getvalue()


def _medmnist_file():
    stream = io.BytesIO()
    splits = {"train": 24, "val": 12, "test": 12}
    images = {
        f"{split}_images": np.full((size, 4, 4), np.arange(4), np.uint8)
        for split, size in splits.items()
    }
    labels = {
        f"{split}_labels": np.arange(size)[:, None] % 3
        for split, size in splits.items()
    }
    np.savez(stream, **images, **labels)
    return stream.getvalue()


def _parquet_files():
    size = 40
    numbers = {name: np.arange(size) * 1.5 for name in "abcdef"}
    numbers["label"] = np.arange(size) % 2
    texts = {
        "text": [f"so {n} 猫" for n in range(size)],
        "b": [None if n == 9 else "b" for n in range(size)],
        "a": [f"ann{n % 7}" for n in range(size)],
        "label": [n % 2 == 0 for n in range(size)],
    }
    for columns in (numbers, texts):
        for options in ({}, {"compression": "zstd", "use_dictionary": False}):
            stream = io.BytesIO()
            pq.write_table(pa.table(columns), stream, **options)
            yield stream.getvalue()


def image(content, folder):
    for suffix, channels in ((".png", 3), (".jpg", 1)):
        file = folder / f"a{suffix}"
        file.write_bytes(content)
        spec = tf.TensorSpec((8, 8, channels), tf.uint8, "image")
        with contextlib.suppress(UserError):
            list(input_batches([file], spec))


def class_folders(contents, folder):
    shutil.rmtree(folder / "photos", ignore_errors=True)
    for number, content in enumerate(contents):
        file = folder / "photos" / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    loading = Loading(image_size=8, skip_bad_images=True)
    source = load(f"folder:{folder}/photos", loading).splits["train"]
    source.gather(tf.range(len(source), dtype=tf.int64))


def arrays(content, folder):
    (folder / "a.npz").write_bytes(content)
    with contextlib.suppress(UserError):
        load(f"npz:{folder}/a.npz", SMALL)
    list(input_batches([folder / "a.npz"], VECTOR))


def array(content, folder):
    (folder / "a.npy").write_bytes(content)
    list(input_batches([folder / "a.npy"], VECTOR))


def table(content, folder):
    (folder / "a.csv").write_bytes(content)
    for loading in (SMALL, TEXTS):
        with contextlib.suppress(UserError):
            load(f"csv:{folder}/a.csv", loading)
    list(input_batches([folder / "a.csv"], VECTOR))


def parquet(content, folder):
    (folder / "a.parquet").write_bytes(content)
    for loading in (SMALL, TEXTS):
        with contextlib.suppress(UserError):
            load(f"parquet:{folder}/a.parquet", loading)


def texts(content, folder):
    for row in ("tsv", "jsonl", "conll", "lines", "text"):
        file = folder / f"a.{row}"
        file.write_bytes(content)
        with contextlib.suppress(UserError):
            source = load(f"{row}:{file}", SMALL).splits["train"]
            source.gather(tf.range(len(source), dtype=tf.int64))


def flagfile(text, folder):
    (folder / "a.flags").write_bytes(text.encode(errors="surrogatepass"))
    with contextlib.suppress(UserError):
        Config.from_flags(text)
    # no setting before it makes 0 epochs right, so that nothing is trained
    words = ["pretrain", f"--flagfile={folder}/a.flags", "--epochs=0"]
    with contextlib.redirect_stderr(io.StringIO()) as told:
        code = main(words)
    if (code, len(told.getvalue().splitlines())) != (2, 1):
        raise ValueError(f"exit code {code}, {told.getvalue()!r}")


def call(text, folder):
    del folder
    for table in (BACKBONES, OPTIMIZERS, DATASETS):
        with contextlib.suppress(UserError):
            lookup(table, text, "row")


def saved_model(content, folder):
    (folder / "a.keras").write_bytes(content)
    load_model(folder / "a.keras")


def targets():
    """Name → (what it is fed, the reader), made when it is asked for."""
    pictures, model = strategies.mutated(_pictures()), _saved_model()
    return {
        "image": (pictures, image),
        "folder": (st.lists(pictures, min_size=4, max_size=8), class_folders),
        "tree": (file_trees.TREES, file_trees.tree),
        "manifest": (file_trees.MANIFESTS, file_trees.manifest),
        "npz": (
            strategies.npz_files()
            | strategies.mutated([_npz_file(), _medmnist_file()]),
            arrays,
        ),
        "npy": (
            strategies.npy_files() | strategies.mutated([_npy_file()]),
            array,
        ),
        "csv": (
            strategies.TABLES.map(lambda text: text.encode(errors="replace"))
            | strategies.mutated(
                [
                    _table(),
                    _table().replace(b",0\n", b"\n"),
                    _table().replace(b",", b";"),
                    'text;b;a;label\n"x; ""y""";猫;1;u\n;b;2;v\n'.encode(),
                ]
            ),
            table,
        ),
        "parquet": (strategies.mutated(list(_parquet_files())), parquet),
        "texts": (strategies.mutated(_TEXTS), texts),
        "flagfile": (strategies.FLAGS, flagfile),
        "call": (strategies.CALLS, call),
        "keras": (
            strategies.keras_files(model) | strategies.mutated([model]),
            saved_model,
        ),
    }
