"""Files of PyTorch are read to the bit, and nothing in them is run."""

import os
import pickle
import random
import zipfile

import ml_dtypes
import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.models.pretrained.weights import read_weights
from tests.models.pretrained import torch_files
from tests.models.pretrained.torch_files import (
    OF_TORCH,
    OF_TORCH_STORAGES,
    Parameter,
    Storage,
    Tensor,
    save,
    tensor,
    write_archive,
    write_pickles,
)

SIX = np.arange(6, dtype=np.float32)

both_formats = pytest.mark.parametrize("legacy", [False, True])


def content():
    """Tensors of several kinds, of which some share their numbers."""
    shared = Storage(np.arange(24, dtype=np.float32))
    half = np.array([0.5, -2.0, 3.0])
    return {
        "whole": Tensor(shared, 0, (2, 3, 4), (12, 4, 1)),
        "turned": Tensor(shared, 0, (4, 2, 3), (1, 12, 4)),
        "part": Tensor(shared, 13, (3, 2), (4, 1)),
        "scalar": Tensor(shared, 7, (), ()),
        "half": tensor(half.astype(np.float16)),
        "brain": tensor(half.astype(ml_dtypes.bfloat16)),
        "double": tensor(half),
        "count": tensor(np.array(3)),
        "flags": tensor(np.array([True, False])),
        "bytes": tensor(np.array([0, 255], np.uint8)),
        "parameter": Parameter(tensor(np.ones((1, 2), np.float32))),
    }


def check(found):
    numbers = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    half = np.array([0.5, -2.0, 3.0])
    expected = {
        "whole": numbers,
        "turned": numbers.transpose(2, 0, 1),
        # 13 is at (1, 0, 1)
        "part": numbers[1, :, 1:3],
        "scalar": np.float32(7),
        "half": half.astype(np.float16),
        "brain": half.astype(ml_dtypes.bfloat16),
        "double": half,
        "count": np.array(3),
        "flags": np.array([True, False]),
        "bytes": np.array([0, 255], np.uint8),
        "parameter": np.ones((1, 2), np.float32),
    }
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_weights(path)
    line = str(caught.value)
    assert line.startswith(f"Cannot read the weights {path}: ")
    assert len(line.splitlines()) == 1 and len(line) < 400 + len(str(path))
    return line.removeprefix(f"Cannot read the weights {path}: ")


@both_formats
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_are_read_with_their_strides(tmp_path, legacy, protocol):
    file = tmp_path / "x.pth"
    check(read_weights(save(file, content(), legacy=legacy, protocol=protocol)))


@pytest.mark.parametrize("write", [write_archive, write_pickles])
def test_a_pickle_that_pytorch_wrote(tmp_path, write):
    settings = {}
    if write is write_pickles:
        settings["itemsizes"] = {"1": 2}
    file = write(tmp_path / "x.pt", OF_TORCH, OF_TORCH_STORAGES, **settings)
    found = read_weights(file)
    assert list(found) == ["kernel", "half"]
    assert found["kernel"].tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    assert found["half"].dtype == ml_dtypes.bfloat16
    assert found["half"].tolist() == [0.5, -2.0]


@both_formats
@pytest.mark.parametrize("part", ["state_dict", "model"])
def test_the_tensors_of_a_checkpoint(tmp_path, part, legacy):
    moments = {0: {"step": tensor(np.float32([4])), "betas": (0.9, 0.999)}}
    checkpoint = {
        "epoch": 3,
        "lr": 1e-3,
        "name": None,
        "history": [1.5, True, {"x": ()}],
        part: content(),
        "optimizer": moments,
    }
    check(read_weights(save(tmp_path / "x.bin", checkpoint, legacy=legacy)))


def test_arrays_cannot_be_written_to(tmp_path):
    found = read_weights(save(tmp_path / "x.pth", content()))
    assert not any(array.flags.writeable for array in found.values())


class Call:
    """What a pickle would call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Built:
    def __reduce__(self):
        return dict, (), {"x": 1}


@both_formats
@pytest.mark.parametrize(
    ("harm", "name"),
    [
        (Call(eval, "print()"), "__builtin__.eval"),
        (Call(getattr, 1, "real"), "__builtin__.getattr"),
        (Call(bytearray, 2**40), "__builtin__.bytearray"),
        (Built(), "__builtin__.dict"),
        (np.float32(1), "numpy"),
    ],
)
def test_code_is_refused(tmp_path, harm, name, legacy):
    content = {"a": tensor(SIX), "b": harm}
    line = refusal(save(tmp_path / "x.pth", content, legacy=legacy))
    assert line.startswith(f"expected only tensors, got the code '{name}")


@both_formats
def test_a_malicious_pickle_does_not_run(tmp_path, legacy):
    mark = tmp_path / "was_run"
    harm = Call(os.mkdir, str(mark))
    file = save(tmp_path / "x.pth", {"a": harm}, legacy=legacy)
    assert refusal(file) == (
        f"expected only tensors, got the code '{os.mkdir.__module__}.mkdir', "
        "which other programs would run: give the original file, or one "
        "converted to .safetensors."
    )
    assert not mark.exists()
    # Python's own reader runs it
    pickle.loads(pickle.dumps(harm))
    assert mark.exists()


ALLOWED = b"ccollections\nOrderedDict\n"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        # other ways to name and to call
        (b"iposix\nsystem\n.", "got the pickle instruction INST"),
        (b"(cposix\nsystem\no.", "got the code 'posix.system'"),
        (b"\x8c\x05posix\x8c\x06system\x93.", "got the code 'posix.system'"),
        (b"K\x01K\x02\x93.", "got the code '?'"),
        (ALLOWED + b")\x81.", "got the pickle instruction NEWOBJ"),
        (ALLOWED + b")}\x92.", "got the pickle instruction NEWOBJ_EX"),
        (b"\x82\x01.", "got the pickle instruction EXT1"),
        (b"Pposix\n.", "got the pickle instruction PERSID"),
        # the state of what is no dict, or a class that would be changed
        (ALLOWED + b"}b.", "it fills what is no dict"),
        (ALLOWED + b"K\x01\x85R.", "it calls what is no function of tensors"),
        (b"ctorch\nFloatStorage\n)R.", "it calls what is no function of"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R.", "missing 4 required"),
        (b"ctorch._utils\n_rebuild_parameter\n)R.", "out of range"),
        # broken
        (b"", "pickle exhausted before seeing STOP"),
        (b"}", "pickle exhausted before seeing STOP"),
        (b".", "it takes a value that is not there"),
        (b"(.", "it takes a value that is not there"),
        (b"K\x01(0.", "got the pickle instruction POP"),
        (b"t.", "pop from empty list"),
        (b"h\x07.", "it recalls 7, which it has not stored"),
        (b"q\x07.", "list index out of range"),
        (b"\xff.", "opcode b'\\xff' unknown"),
        (b"K\x01s.", "it takes a value that is not there"),
        (b"K\x00K\x01K\x02s.", "it fills what is no dict"),
        (b"}(K\x01u.", "is shorter"),
        (b"}K\x01\x85K\x01s.", "a key is a tuple"),
        (b"}\x8a\x09" + b"\x7f" * 9 + b"K\x01s.", "a key is a int"),
        (b"]K\x01\x85Q.", "a storage is no tuple of 5 values"),
        (b"K\x01K\x02K\x03\x87K\x04K\x05\x86Q.", "a storage is no tuple of 5"),
        (b"(K\x01K\x02K\x03K\x04K\x05tQ.", "a storage is not called so"),
        # sizes that Python's reader would allocate
        (b"\x8d" + b"\xff" * 7 + b"\x7f.", "bytes"),
        (b"X\xff\xff\xff\x7fx.", "expected 2147483647 bytes"),
        (b"\x8b\xff\xff\xff\x7fx.", "not enough data in stream to read long4"),
        (b"\x96" + b"\xff" * 7 + b"\x7f.", "bytes"),
        (b"K\x01r\xff\xff\xff\x7f.", "expected tensors by name, got none"),
        # no tensors
        (b"}.", "expected tensors by name, got none"),
        (b"N.", "expected tensors by name, got none"),
        (b"}K\x01K\x02s.", "expected tensors by name, got '1' as int"),
        (b"}X\x01\x00\x00\x00aK\x02s.", "got 'a' as int"),
    ],
)
def test_other_programs_are_refused(tmp_path, program, message):
    file = write_archive(tmp_path / "x.pth", b"\x80\x02" + program, {})
    assert message in refusal(file)


def test_nested_values_exhaust_no_stack(tmp_path):
    deep = b"\x80\x02}X\x01\x00\x00\x00a)" + b"\x85" * 10**5 + b"s."
    line = refusal(write_archive(tmp_path / "x.pth", deep, {}))
    assert line.startswith("expected tensors by name, got 'a' as tuple")


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        # one past the end
        (1, (2, 3), (3, 1)),
        (0, (7,), (1,)),
        (0, (2, 3), (4, 1)),
        (6, (1,), (1,)),
        # a number repeated, and memory that no machine has
        (0, (7,), (0,)),
        (0, (2**40, 2**40), (0, 0)),
        (0, (2**62, 4), (0, 0)),
        (2**62, (1,), (1,)),
        (0, (2, 3), (1,)),
        # nothing
        (0, (0,), (1,)),
        (0, (0, 2**62, 2**62), (0, 0, 0)),
    ],
)
@both_formats
def test_absurd_sizes(tmp_path, offset, shape, strides, legacy):
    there = {"a": Tensor(Storage(SIX), offset, shape, strides)}
    line = refusal(save(tmp_path / "x.pth", there, legacy=legacy))
    assert line.startswith(
        "the tensor 'a' is empty, or reaches out of the 6 numbers that the "
    )


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (5, (2,), (-1,)),
        (0, (2.0,), (1,)),
        (True, (2,), (1,)),
        (0, (2**63,), (1,)),
    ],
)
def test_sizes_that_are_none(tmp_path, offset, shape, strides):
    there = {"a": Tensor(Storage(SIX), offset, shape, strides)}
    line = refusal(save(tmp_path / "x.pth", there))
    assert "the sizes of a tensor are no whole numbers" in line


def test_many_axes(tmp_path):
    there = {"a": Tensor(Storage(SIX), 0, (1,) * 70, (1,) * 70)}
    line = refusal(save(tmp_path / "x.pth", there))
    assert line.startswith("the tensor 'a' has 70 axes")


@pytest.mark.parametrize("size", [0, 5, 7, 2**62])
@both_formats
def test_storages_of_another_size_than_told(tmp_path, size, legacy):
    there = {"a": Tensor(Storage(SIX, size=size), 0, (1,), (1,))}
    line = refusal(save(tmp_path / "x.pth", there, legacy=legacy))
    assert line.startswith("the numbers of 'a' are not in the file, or not as")


@pytest.mark.parametrize("size", [-1, 2**63, "6", None, 6.0])
def test_storages_of_no_size(tmp_path, size):
    there = {"a": Tensor(Storage(SIX), 0, (1,), (1,))}
    there["a"].parts[0].size = size
    line = refusal(save(tmp_path / "x.pth", there))
    assert "a storage has no size, or is part of another" in line


def test_a_storage_that_is_not_there(tmp_path):
    program, _ = torch_files.pickled({"a": tensor(SIX)})
    line = refusal(write_archive(tmp_path / "x.pth", program, {"1": b"1234"}))
    assert line.startswith("the numbers of 'a' are not in the file")
    line = refusal(write_pickles(tmp_path / "x.pth", program, {"1": b"1234"}))
    assert line.startswith("it holds numbers that are of no tensor")


def test_numbers_that_would_come_before_the_file(tmp_path):
    file = save(tmp_path / "x.pth", {"a": tensor(SIX)}, legacy=True)
    data = bytearray(file.read_bytes())
    # 8 bytes with the count, and 24 with the numbers
    for count in (-1, -2, 7, 2**62):
        data[-32:-24] = count.to_bytes(8, "little", signed=True)
        file.write_bytes(data)
        assert refusal(file).startswith("its numbers are cut off")


@both_formats
def test_a_file_cut_off_anywhere(tmp_path, legacy):
    small = {"a": tensor(SIX[:2])}
    data = save(tmp_path / "x.pth", small, legacy=legacy).read_bytes()
    cut = tmp_path / "cut.pth"
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        refusal(cut)


@both_formats
def test_changed_bytes_do_no_harm(tmp_path, legacy):
    data = save(tmp_path / "x.pth", content(), legacy=legacy).read_bytes()
    changed, randomly = tmp_path / "changed.pth", random.Random(0)
    refused = 0
    for _ in range(400):
        copy = bytearray(data)
        for _ in range(randomly.choice((1, 3))):
            # where the programs are, rather than the numbers
            place = randomly.randrange(len(copy) * 2 // 3)
            copy[place] = randomly.randrange(256)
        changed.write_bytes(copy)
        try:
            read_weights(changed)
        except UserError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1
    assert refused > 250


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"magic": 1}, "expected a file of torch.save, got another format"),
        ({"version": 1002}, "expected protocol 1001 of torch.save, got anoth"),
        ({"little_endian": False}, "expected little-endian numbers, got big"),
    ],
)
def test_other_pickles(tmp_path, settings, message):
    program, storages = torch_files.pickled({"a": tensor(SIX)})
    file = write_pickles(tmp_path / "x.pth", program, storages, **settings)
    assert refusal(file).startswith(message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"byteorder": "big"}, "expected little-endian numbers, got big-endia"),
        (
            {"compression": zipfile.ZIP_DEFLATED},
            "expected an archive as PyTorch writes, uncompressed",
        ),
    ],
)
def test_other_archives(tmp_path, settings, message):
    program, storages = torch_files.pickled({"a": tensor(SIX)})
    file = write_archive(tmp_path / "x.pth", program, storages, **settings)
    assert refusal(file).startswith(message)


@pytest.mark.parametrize("names", [[], ["a/data.pkl", "b/data.pkl"]])
def test_archives_without_their_pickle(tmp_path, names):
    file = tmp_path / "x.pth"
    with zipfile.ZipFile(file, "w") as archive:
        for name in (*names, "readme"):
            archive.writestr(name, b"\x80\x02}.")
    message = f"expected one data.pkl in the archive, got {len(names)}"
    assert refusal(file).startswith(message)


def test_an_archive_with_one_wrong_number(tmp_path):
    file = save(tmp_path / "x.pth", {"a": tensor(SIX)})
    data = file.read_bytes()
    at = data.index(SIX.tobytes())
    file.write_bytes(data[:at] + b"\1" + data[at + 1 :])
    assert refusal(file).startswith("its archive is broken (Bad CRC-32 for")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs", "expected a file of torch.save, got anot"),
        (b"PK\3\4 and no more", "its archive is broken (File is not a zip"),
    ],
)
def test_files_of_other_formats(tmp_path, data, message):
    (tmp_path / "x.pth").write_bytes(data)
    assert refusal(tmp_path / "x.pth").startswith(message)


def test_a_file_that_is_not_there(tmp_path):
    line = refusal(tmp_path / "x.pth")
    assert line == "No such file or directory: check the path."
