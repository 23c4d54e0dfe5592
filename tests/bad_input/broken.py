"""Files broken in the ways that files break, each made by a function."""

import io
import json
import pathlib
import struct
import zipfile
import zlib

import keras
import numpy as np
from PIL import Image


def picture(kind="PNG", size=(16, 16), seed=0, **options):
    """The bytes of an image of noise."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 255, (size[1], size[0], 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, kind, **options)
    return stream.getvalue()


def png_bomb(side=60_000):
    """A PNG of 90 bytes that declares billions of pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pieces = (b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")
    chunks = (
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib.crc32(name + data))
        for name, data in pieces
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def gif_bomb(side=65_535):
    """A GIF of 1 pixel with a frame of billions."""
    frame = b"," + struct.pack("<HHHH", 0, 0, side, side) + b"\0\2\1\x44\0"
    return b"GIF89a\1\0\1\0\0\0\0" + frame + b";"


IMAGES = {
    "half.jpg": lambda: picture("JPEG", (64, 64))[:1500],
    "half.gif": lambda: picture("GIF", (64, 64))[:1500],
    "half.png": lambda: picture("PNG", (64, 64))[:1500],
    "half.bmp": lambda: picture("BMP", (64, 64))[:1500],
    "empty.jpg": lambda: b"",
    "half.webp": lambda: picture("WEBP", (64, 64))[:1500],
    "half.tiff": lambda: picture("TIFF", (64, 64))[:1500],
    "half.avif": lambda: picture("AVIF", (64, 64))[:1500],
    "text.gif": lambda: "kein Bild".encode("utf-16"),
    "bomb.png": png_bomb,
    "bomb.gif": gif_bomb,
}


def npz(path, **members):
    """An npz file of members that are arrays or the bytes of a file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in members.items():
            if not isinstance(value, bytes):
                stream = io.BytesIO()
                np.lib.format.write_array(stream, value, allow_pickle=True)
                value = stream.getvalue()
            archive.writestr(f"{name}.npy", value)


def header(shape, dtype="<f4"):
    """The head of an array that is not there."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


LABELS = np.arange(100) % 3
VECTORS = np.random.default_rng(0).random((100, 6)).astype(np.float32)
ARRAYS = {
    "sides": {"x": header((0, 2**64 - 1)), "y": LABELS},
    "pickled": {"x": np.array([{}] * 100), "y": LABELS},
    "declares": {"x": header((10**12, 6)), "y": LABELS},
    "cut": {"x": header((100, 6)) + bytes(100), "y": LABELS},
    "foreign": {"x": b"no array", "y": LABELS},
    "complex": {"x": VECTORS.astype(np.complex64), "y": LABELS},
    "records": {"x": np.zeros(100, "i4,f4"), "y": LABELS},
    "scalar": {"x": np.float32(3), "y": LABELS},
    "flat": {"x": VECTORS[:, 0], "y": LABELS},
    "none": {"x": VECTORS[:0], "y": LABELS[:0]},
    "one": {"x": VECTORS[:1], "y": LABELS[:1]},
    "infinite": {"x": VECTORS + np.float32("inf"), "y": LABELS},
    "fractions": {"x": VECTORS, "y": LABELS + 0.5},
    "matrix": {"x": VECTORS, "y": 2 * np.eye(100)},
    "unlabelled": {"x": VECTORS},
}

TABLES = {
    "ragged": b"a,b,label\n1,2,x\n1,y\n",
    "nul": b"a,label\n1\0,x\n2,y\n",
    "nul_label": b"a,label\n1,x\0\n2,y\n",
    "latin1": "a,label\n1,ä\n2,y\n".encode("latin-1"),
    "utf16": "a,label\n1,x\n2,y\n".encode("utf-16"),
    "empty": b"",
    "blank": b"\n\n\n",
    "heading": b"a,label\n",
    "one_class": b"a,label\n1,x\n2,x\n",
    "one_row": b"a,label\n1,x\n",
    "hole": b"a,label\n1,x\n2,\n",
    "nan": b"a,label\n1,x\nnan,y\n",
    "huge": b"a,label\n1,x\n1e99,y\n",
    "quote": b'a,label\n1,x\n"2,y\n',
    "broken_name": b'"a\nb",c\n1,x\n2,y\n',
    "wide_cell": b"a,label\n1,x\n" + b"9" * 200_000 + b",y\n",
}


def edited(source, target, change):
    """A copy of a `.keras` file with another config."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".json"):
                content = change(name, json.loads(content))
                content = json.dumps(content)
            new.writestr(name, content)


def from_another_version(name, content):
    if name == "metadata.json":
        return content | {"keras_version": "9.1.0"}
    text = json.dumps(content).replace('"Dense"', '"DenseOfTomorrow"')
    return json.loads(text)


def of_another_width(name, content):
    text = json.dumps(content).replace('"units": 4', '"units": 5')
    return content if name == "metadata.json" else json.loads(text)


def of_billions(name, content):
    text = json.dumps(content).replace('"units": 4', '"units": 4000000000')
    return content if name == "metadata.json" else json.loads(text)


def models(folder: pathlib.Path):
    """Files that end in .keras, of which none is a model."""
    vector = keras.Input((6,))
    features = keras.layers.Dense(4)(vector)
    good = folder / "good.keras"
    keras.Model(vector, features).save(good)
    edited(good, folder / "version.keras", from_another_version)
    edited(good, folder / "width.keras", of_another_width)
    edited(good, folder / "billions.keras", of_billions)
    with zipfile.ZipFile(folder / "foreign.keras", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with zipfile.ZipFile(
        folder / "bomb.keras", "w", zipfile.ZIP_DEFLATED
    ) as archive:
        archive.writestr("config.json", " " * 2**27)
    whole = good.read_bytes()
    (folder / "half.keras").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.keras").write_bytes(b"")
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    (folder / "flipped.keras").write_bytes(damaged)
