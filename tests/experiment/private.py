"""Looks for examples in files, in the forms that files have them."""

import base64
import pathlib
import zipfile

import numpy as np
import tensorflow as tf

_WINDOW = 8
# fewer different bytes are in any file
_FEWEST = 5


def image_forms(images):
    """Bytes of images of shape (examples, height, width, channels)."""
    for image in images:
        raw = image.tobytes()
        png = tf.io.encode_png(image).numpy()
        yield from (raw, image.astype(np.float32).tobytes())
        yield from (image.astype(np.int64).tobytes(), png)
        yield from (base64.b64encode(raw), base64.b64encode(png))
        numbers = ", ".join(map(str, image.ravel().tolist()))
        # the rows of an image without what surrounds it in JSON
        yield from (numbers.encode(), numbers.replace(" ", "").encode())


def hash_forms(hashes):
    """Bytes of what examples are known by."""
    return [value.tobytes() for value in hashes]


def contents(folder):
    """Yields the name and the bytes of every file, and of what it packs."""
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if not path.is_file():
            continue
        yield str(path), path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                for name in packed.namelist():
                    yield f"{path}/{name}", packed.read(name)


def files_with(folder, forms):
    """Returns the files below a folder that hold one of some bytes whole."""
    by_window = {}
    for form in forms:
        window = _telling_window(form)
        if window is not None:
            by_window.setdefault(window, []).append(form)
    windows = np.array(sorted(by_window), np.uint64)
    return {
        name
        for name, content in contents(folder)
        if any(
            form in content
            for window in _windows_of(content, windows)
            for form in by_window[window]
        )
    }


def _telling_window(form):
    """The first bytes that are not much the same, as a number."""
    for start in range(len(form) - _WINDOW + 1):
        window = form[start : start + _WINDOW]
        if len(set(window)) >= _FEWEST:
            return int.from_bytes(window, "little")
    return None


def _windows_of(content, windows):
    """Those of some numbers that stand anywhere in bytes."""
    found = set()
    for start in range(_WINDOW):
        count = (len(content) - start) // _WINDOW
        if count > 0:
            numbers = np.frombuffer(content, "<u8", count, start)
            found |= set(np.intersect1d(numbers, windows).tolist())
    return found
