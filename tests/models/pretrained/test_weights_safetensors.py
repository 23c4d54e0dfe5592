"""Files in the safetensors format, alone and in several parts."""

import json
import struct

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from keras_ptft.errors import UserError
from keras_ptft.models.pretrained.weights import read_weights
from tests.models.pretrained.torch_files import save, tensor

A = np.arange(6, dtype=np.float32).reshape(2, 3)
B = np.array([0.5, -2.0], np.float16)


def write(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_weights(path)
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    assert line.startswith(f"Cannot read the weights {path}: ")
    return line.removeprefix(f"Cannot read the weights {path}: ")


def test_every_kind_of_number(tmp_path):
    arrays = {
        np.dtype(kind).name: np.array([[1, 0], [0, 1]]).astype(kind)
        for kind in "?bBhilefd"
    }
    file = tmp_path / "x.safetensors"
    safetensors.numpy.save_file({**arrays, "scalar": np.zeros(())}, file)
    found = read_weights(file)
    assert found.pop("scalar").shape == ()
    assert {n: a.dtype.name for n, a in found.items()} == {n: n for n in arrays}
    for array in found.values():
        assert array.tolist() == [[1, 0], [0, 1]]


def test_bfloat16(tmp_path):
    # the upper half of a float32: 1.0 is 3f80, -2.0 is c000
    header = {"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    file = write(tmp_path / "x.safetensors", header, b"\x80\x3f\x00\xc0")
    found = read_weights(file)["a"]
    assert found.dtype == ml_dtypes.bfloat16
    assert found.tolist() == [1.0, -2.0]


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({}, b"1234"),
        ({"a": {}}, b""),
        (
            {"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}},
            b"1234",
        ),
        (
            {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
            b"",
        ),
    ],
)
def test_broken_files(tmp_path, header, data):
    path = write(tmp_path / "x.safetensors", header, data)
    with pytest.raises(safetensors.SafetensorError) as caught:
        safetensors.deserialize(path.read_bytes())
    # the library's own words, which differ from version to version
    reason = str(caught.value).removeprefix("Error while deserializing: ")
    line = refusal(path)
    assert line.startswith(f"its tensors are broken ({reason[:15]}")
    assert line.endswith("or one converted to .safetensors.")


def test_a_file_cut_off_anywhere(tmp_path):
    file = tmp_path / "x.safetensors"
    data = safetensors.numpy.save({"a": A, "b": B})
    for length in range(len(data)):
        file.write_bytes(data[:length])
        assert refusal(file).startswith("its tensors are broken")


def test_unusual_numbers(tmp_path):
    header = {"a": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}
    line = refusal(write(tmp_path / "x.safetensors", header, b"\0"))
    assert line.startswith("expected numbers of BF16, BOOL, F16, ")
    assert "got 'a' of F8_E4M3: give" in line


@pytest.fixture
def folder(tmp_path):
    """Weights in two files, with their index."""
    safetensors.numpy.save_file({"a": A}, tmp_path / "1.safetensors")
    safetensors.numpy.save_file({"b": B}, tmp_path / "2.safetensors")
    index(tmp_path, {"a": "1.safetensors", "b": "2.safetensors"})
    return tmp_path


def index(folder, names):
    content = {"metadata": {"total_size": 28}, "weight_map": names}
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("name", ["", "model.safetensors.index.json"])
def test_weights_in_several_files(folder, name):
    found = read_weights(folder / name)
    assert set(found) == {"a", "b"}
    np.testing.assert_array_equal(found["a"], A)
    np.testing.assert_array_equal(found["b"], B)


def test_an_index_of_pytorch_files(tmp_path):
    save(tmp_path / "part-1.bin", {"a": tensor(A)})
    path = tmp_path / "pytorch_model.bin.index.json"
    path.write_text('{"weight_map": {"a": "part-1.bin"}}', encoding="utf-8")
    np.testing.assert_array_equal(read_weights(tmp_path)["a"], A)


def test_the_safer_format_comes_first(tmp_path):
    save(tmp_path / "pytorch_model.bin", {"a": tensor(A)})
    np.testing.assert_array_equal(read_weights(tmp_path)["a"], A)
    safetensors.numpy.save_file({"b": B}, tmp_path / "model.safetensors")
    assert list(read_weights(tmp_path)) == ["b"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            {"a": "1.safetensors"} | dict.fromkeys("bcd", "2.safetensors"),
            "2 tensors of the index are not in its files, the first is 'c'",
        ),
        (
            {"a": "1.safetensors", "c": "2.safetensors"},
            "the index does not say that 'b' is in 2.safetensors",
        ),
        (
            {"a": "../1.safetensors"},
            "expected the index to name files beside it, got '../1.safe",
        ),
        (
            {"a": "/1.safetensors"},
            "expected the index to name files beside it, got '/1.safe",
        ),
        ({"a": 1}, "expected the index to name files beside it, got '1'"),
        ({"a": "3.safetensors"}, "No such file or directory: check the path"),
        (
            {"a": "model.safetensors.index.json"},
            "expected an index of files, got one of indices",
        ),
        (["a"], "expected an index with a 'weight_map' from tensors to files"),
        ("abc", "expected an index with a 'weight_map' from tensors to files"),
    ],
)
def test_an_index_that_does_not_fit(folder, names, message):
    index(folder, names)
    assert refusal(folder).startswith(message)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 10**5, "\xff"])
def test_no_index(folder, text):
    path = folder / "model.safetensors.index.json"
    path.write_text(text, encoding="latin-1")
    assert refusal(folder).startswith("expected an index with a 'weight_map'")


@pytest.mark.parametrize("name", ["x.npz", "x", "x.keras"])
def test_a_file_of_another_kind(tmp_path, name):
    (tmp_path / name).touch()
    line = refusal(tmp_path / name)
    assert line.startswith(
        "expected a file that ends in .safetensors, .pth, .pt, .bin, "
        ".index.json: "
    )


def test_a_folder_without_weights(tmp_path):
    line = refusal(tmp_path)
    assert line.startswith("expected a folder with model.safetensors or model")
