"""Arrays are checked before memory is allocated for them."""

import io
import zipfile

import numpy as np
import pytest

from keras_ptft.data.sources import archives
from keras_ptft.data.sources.archives import read_array
from keras_ptft.errors import UserError


def member(file, content):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    with np.load(file, allow_pickle=False) as stored:
        return read_array(stored, "x", "a.npz")


def saved(array, version=None):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version, allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("values", [np.eye(3), ["a", "bc"], 3])
def test_arrays_are_read(tmp_path, values, version):
    array = np.array(values)
    found = member(tmp_path / "a.npz", saved(array, version))
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (saved(np.eye(3))[:-1], "72 bytes, but holds 71: save it again"),
        (saved(np.array([{}])), "holds pickled objects"),
        (b"no array", "no array of numbers"),
        (b"\x93NUMPY\x09\x00", "no array of numbers"),
    ],
)
def test_what_is_not_an_array(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        member(tmp_path / "a.npz", content)


def test_what_does_not_fit_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "physical_memory", lambda: 143)
    with pytest.raises(UserError, match="has 72 bytes, more than half of the"):
        member(tmp_path / "a.npz", saved(np.eye(3)))
