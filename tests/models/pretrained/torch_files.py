"""Files as `torch.save` writes them, made without PyTorch.

Both formats were compared with files of PyTorch 2.13; `OF_TORCH` is a pickle
that it wrote itself.
"""

import collections
import contextlib
import io
import itertools
import pickle
import struct
import sys
import types
import zipfile

import numpy as np

KINDS = {
    "bfloat16": "BFloat16Storage",
    "bool": "BoolStorage",
    "float16": "HalfStorage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "int64": "LongStorage",
    "uint8": "ByteStorage",
}

# {"kernel": float32 0..5 of shape (2, 3), transposed, "half": bfloat16}
OF_TORCH = (
    b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(X\x06\x00\x00\x00kernel"
    b"q\x02ctorch._utils\n_rebuild_tensor_v2\nq\x03((X\x07\x00\x00\x00storage"
    b"q\x04ctorch\nFloatStorage\nq\x05X\x01\x00\x00\x000q\x06X\x03\x00\x00\x00"
    b"cpuq\x07K\x06tq\x08QK\x00K\x03K\x02\x86q\tK\x01K\x03\x86q\n\x89h\x00)R"
    b"q\x0btq\x0cRq\rX\x04\x00\x00\x00halfq\x0eh\x03((h\x04ctorch\n"
    b"BFloat16Storage\nq\x0fX\x01\x00\x00\x001q\x10h\x07K\x02tq\x11QK\x00K\x02"
    b"\x85q\x12K\x01\x85q\x13\x89h\x00)Rq\x14tq\x15Rq\x16u."
)
OF_TORCH_STORAGES = {
    "0": np.arange(6, dtype="<f4").tobytes(),
    "1": b"\x00?\x00\xc0",
}


class Storage:
    """Numbers, and what a file says of them."""

    def __init__(self, numbers, *, kind="", key="", size=None):
        self.numbers = np.ascontiguousarray(numbers).reshape(-1)
        self.kind = kind or KINDS[str(self.numbers.dtype)]
        self.key = key
        self.size = len(self.numbers) if size is None else size


class Tensor:
    """A view of a storage, in units of its numbers."""

    def __init__(self, storage, offset, shape, strides):
        self.parts = storage, offset, shape, strides

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        hooks = collections.OrderedDict()
        return rebuild, (*self.parts, False, hooks)


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_parameter
        return rebuild, (self.tensor, True, collections.OrderedDict())


def tensor(values):
    """A tensor with a storage of its own."""
    values = np.asarray(values)
    strides = np.empty(values.shape, values.dtype).strides
    steps = tuple(step // values.itemsize for step in strides)
    return Tensor(Storage(values), 0, values.shape, steps)


class Pickler(pickle.Pickler):
    """Gives each storage a key, and writes its place in place of it."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.storages = {}

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        if obj not in self.storages.values():
            obj.key = obj.key or str(len(self.storages))
            self.storages[obj.key] = obj
        kind = getattr(sys.modules["torch"], obj.kind)
        return "storage", kind, obj.key, "cpu", obj.size


class LegacyPickler(Pickler):
    def persistent_id(self, obj):
        found = super().persistent_id(obj)
        return found and (*found, None)


@contextlib.contextmanager
def torch_names():
    """Modules of the names that a pickle of PyTorch has."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for kind in KINDS.values():
        setattr(torch, kind, type(kind, (), {"__module__": "torch"}))
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):

        def function():
            raise AssertionError("a reader ran what a file names")

        function.__module__, function.__qualname__ = utils.__name__, name
        setattr(utils, name, function)
    names = {"torch": torch, "torch._utils": utils}
    kept = {name: sys.modules.pop(name, None) for name in names}
    sys.modules.update(names)
    try:
        yield
    finally:
        for name, module in kept.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


def pickled(content, protocol=2, pickler=Pickler):
    """A pickle of tensors, and the bytes of their storages by key."""
    buffer = io.BytesIO()
    with torch_names():
        writer = pickler(buffer, protocol)
        writer.dump(content)
    storages = {k: s.numbers.tobytes() for k, s in writer.storages.items()}
    return buffer.getvalue(), storages


def write_archive(path, program, storages, **settings):
    """Writes the format of PyTorch 1.6 and later."""
    order = settings.pop("byteorder", "little")
    with zipfile.ZipFile(path, "w", **settings) as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/byteorder", order)
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", "3\n")
    return path


def write_pickles(path, program, storages, itemsizes=None, **settings):
    """Writes the format before PyTorch 1.6."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    magic = settings.pop("magic", 0x1950A86A20F9469CFC6C)
    header = [magic, settings.pop("version", 1001), system | settings]
    parts = [pickle.dumps(part, 2) for part in header]
    parts += [program, pickle.dumps(sorted(storages), 2)]
    for key in sorted(storages):
        count = len(storages[key]) // (itemsizes or {}).get(key, 4)
        parts += [struct.pack("<q", count), storages[key]]
    path.write_bytes(b"".join(parts))
    return path


def save(path, content, *, legacy=False, protocol=2):
    """Writes what holds tensors, as `torch.save` does."""
    if not legacy:
        return write_archive(path, *pickled(content, protocol))
    program, storages = pickled(content, protocol, LegacyPickler)
    sizes = {s.key: s.numbers.itemsize for s in _storages(content)}
    return write_pickles(path, program, storages, sizes)


def _storages(content):
    if isinstance(content, dict):
        return itertools.chain(*map(_storages, content.values()))
    if isinstance(content, Parameter):
        return _storages(content.tensor)
    return [content.parts[0]] if isinstance(content, Tensor) else []
