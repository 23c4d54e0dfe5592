"""Input that is almost right, which is where readers break."""

import io
import json
import string
import zipfile

import numpy as np
from hypothesis import strategies as st

NUMBERS = (
    *(-1, 0, 1, 2, 127, 128, 255, 256, 65_535, 65_536),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1),
)


@st.composite
def mutated(draw, samples):
    """Bytes of one of the samples with a few changes."""
    content = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 4))):
        change = draw(st.sampled_from(CHANGES))
        place = draw(st.integers(0, len(content)))
        change(draw, content, place)
    return bytes(content)


def _flip(draw, content, place):
    if place < len(content):
        content[place] ^= 1 << draw(st.integers(0, 7))


def _cut(draw, content, place):
    del draw, content[place:]


def _remove(draw, content, place):
    del content[place : place + draw(st.integers(1, 64))]


def _insert(draw, content, place):
    content[place:place] = draw(st.binary(min_size=1, max_size=16))


def _repeat(draw, content, place):
    piece = content[place : place + draw(st.integers(1, 256))]
    content[place:place] = piece * draw(st.integers(1, 8))


def _number(draw, content, place):
    size = draw(st.sampled_from((1, 2, 4, 8)))
    number = draw(st.sampled_from(NUMBERS)) % 256**size
    order = draw(st.sampled_from(("little", "big")))
    content[place : place + size] = number.to_bytes(size, order)


CHANGES = (_flip, _cut, _remove, _insert, _repeat, _number)


def pieces(*words):
    """Text made of words of a language, and of anything."""
    word = st.sampled_from(words) | st.text(max_size=4)
    word |= st.sampled_from(NUMBERS).map(str) | st.floats().map(str)
    return st.lists(word, max_size=24).map("".join)


CALLS = pieces(
    *("cnn", "mlp", "sgd", "folder", "filters", "momentum", "hidden", "path"),
    *"()[]{}=,:.*-+~ \n'\"#",
    *("None", "True", "lambda", "1e999", "0x", "((((((((", "--------"),
)
TABLES = pieces(
    *("a,label\n", "1,2\n", "label", ",", "\n", "\r\n", '"', "\0", "\ufeff"),
    *("nan", "inf", "-", "1e99", "x", ";", "\t", "|", "a;label\n", "1;2\n"),
)
FLAGS = pieces(
    *("--", "--no", "-", "=", "\n", "#", " ", "name", "epochs", "dataset"),
    *("batch_size", "overwrite", "true", "flagfile", "undefok", "--\n", "\\"),
    *("--seed=1\n", "--name=x\n", "--deterministic\n"),
)


@st.composite
def npz_files(draw):
    """npz files whose members have headers of all kinds."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in draw(st.lists(st.sampled_from(("x", "y", "label_names")))):
            archive.writestr(f"{key}.npy", draw(npy_files()))
    return stream.getvalue()


@st.composite
def npy_files(draw):
    """Arrays that declare one thing and hold another."""
    shape = draw(st.lists(st.sampled_from(NUMBERS) | st.just(6), max_size=4))
    kinds = ("<f4", "|u1", "<i8", "|O", "<U4", "<c8", "|V0", "|b1", "<M8[s]")
    head = {
        "descr": draw(st.sampled_from(kinds)),
        "fortran_order": draw(st.booleans()),
        "shape": tuple(shape),
    }
    text = f"{head}\n".encode()
    if draw(st.integers(0, 4)) == 0:
        text = draw(mutated([text]))
    version = draw(st.sampled_from((b"\1\0", b"\2\0", b"\3\0", b"\t\0")))
    size = 2 if version == b"\1\0" else 4
    length = len(text).to_bytes(size, "little")
    body = draw(st.binary(max_size=400))
    return np.lib.format.MAGIC_PREFIX + version + length + text + body


@st.composite
def keras_files(draw, sample):
    """A `.keras` file whose config says something else here and there."""
    with zipfile.ZipFile(io.BytesIO(sample)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    for _ in range(draw(st.integers(1, 3))):
        _change(draw, config)
    parts["config.json"] = json.dumps(config).encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            if draw(st.integers(0, 9)):
                archive.writestr(name, content)
    return stream.getvalue()


def _change(draw, tree):
    """Another value somewhere in a tree of JSON."""
    while True:
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
        if not keys:
            return
        key = draw(st.sampled_from(list(keys)))
        if (
            not isinstance(tree[key], dict | list)
            or draw(st.integers(0, 6)) < 1
        ):
            break
        tree = tree[key]
    tree[key] = draw(
        st.none()
        | st.booleans()
        | st.sampled_from(NUMBERS)
        | st.floats()
        | st.text(string.printable, max_size=8)
        | st.just([])
        | st.just({})
        | st.sampled_from(("Lambda", "Dense", "relu", "float16", "int32"))
    )
